//! Expressions.

use loopshift_python::ast::{self, Expr};
use loopshift_python::{Ranged, TextRange};

use super::bindings;
use super::define::NewFunction;
use super::scope::ScopeKind;
use super::{Lowerer, Operand};
use crate::ir::{
    Arg, ArgKind, CallForm, Constant, ContainerKind, FunctionKind, Key, Node, ProtocolKind,
};

/// Expressions nested deeper are not followed.
const DEPTH_LIMIT: u32 = 400;

/// Strings up to this length may be keys.
pub(super) const SHORT: usize = 40;

/// Dotted names up to this length may be names of modules and what is in them.
const DOTTED: usize = 200;

fn is_dotted(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

impl<'a> Lowerer<'a> {
    /// The node of an expression, or none.
    pub(super) fn expr_node(&mut self, expr: &'a Expr) -> Node {
        let operand = self.expr(expr);
        self.materialize(operand)
    }

    pub(super) fn expr(&mut self, expr: &'a Expr) -> Operand {
        self.expr_form(expr, CallForm::Value)
    }

    pub(super) fn expr_form(&mut self, expr: &'a Expr, form: CallForm) -> Operand {
        if self.depth >= DEPTH_LIMIT {
            return Operand::Node(self.unknown_node());
        }
        self.depth += 1;
        let operand = self.expr_inner(expr, form);
        self.depth -= 1;
        operand
    }

    fn expr_inner(&mut self, expr: &'a Expr, form: CallForm) -> Operand {
        match expr {
            Expr::Name(name) => {
                let node = self.read(name.id.as_str());
                self.record(name.range, node);
                Operand::Node(node)
            }
            Expr::Attribute(attribute) => {
                let base = self.expr_node(&attribute.value);
                if !base.is_some() {
                    return Operand::None;
                }
                let node = self.load(base, attribute.attr.as_str());
                self.record(attribute.range, node);
                Operand::Node(node)
            }
            Expr::Call(call) => self.call_expr(call, form),
            Expr::Await(await_) => {
                let base = self.expr_form(&await_.value, CallForm::Awaited);
                let base = self.materialize(base);
                let to = self.node();
                self.protocol(ProtocolKind::Await, base, to);
                self.record(await_.range, to);
                Operand::Node(to)
            }
            Expr::StringLiteral(literal) => {
                let text = literal.value.to_str();
                if text.len() <= SHORT || (text.len() <= DOTTED && is_dotted(text)) {
                    Operand::Str(self.sym(text))
                } else {
                    Operand::Builtin("str")
                }
            }
            Expr::NumberLiteral(literal) => match &literal.value {
                ast::Number::Int(int) => int.as_i32().map_or(Operand::None, Operand::Int),
                _ => Operand::None,
            },
            Expr::UnaryOp(unary) => {
                let operand = self.expr(&unary.operand);
                match (unary.op, operand) {
                    (ast::UnaryOp::USub, Operand::Int(value)) => Operand::Int(-value),
                    (ast::UnaryOp::Not, operand) => {
                        if let Operand::Node(node) = operand {
                            self.protocol(ProtocolKind::Truth, node, Node::NONE);
                        }
                        Operand::None
                    }
                    (op, operand) => {
                        let method = match op {
                            ast::UnaryOp::USub => "__neg__",
                            ast::UnaryOp::UAdd => "__pos__",
                            _ => "__invert__",
                        };
                        self.operator(operand, method)
                    }
                }
            }
            Expr::BytesLiteral(_) => Operand::Builtin("bytes"),
            Expr::BooleanLiteral(_) | Expr::NoneLiteral(_) | Expr::EllipsisLiteral(_) => {
                Operand::None
            }
            Expr::FString(fstring) => {
                for element in fstring.value.elements() {
                    self.fstring_element(element);
                }
                match fstring.value.elements().next() {
                    Some(ast::InterpolatedStringElement::Literal(literal)) => {
                        self.start(&literal.value)
                    }
                    _ => Operand::Builtin("str"),
                }
            }
            Expr::TString(tstring) => {
                for element in tstring.value.elements() {
                    self.fstring_element(element);
                }
                Operand::None
            }
            Expr::BoolOp(bool_op) => self.bool_op(bool_op),
            Expr::Named(named) => {
                let node = self.expr_node(&named.value);
                self.bind(&named.target, node);
                if node.is_some() {
                    Operand::Node(node)
                } else {
                    Operand::None
                }
            }
            Expr::BinOp(bin) => self.binary(bin),
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::If(if_) => {
                self.truth(&if_.test);
                let mark = self.mark();
                self.narrow(&if_.test, false);
                let body = self.expr(&if_.body);
                self.roll_back(mark);
                self.narrow(&if_.test, true);
                let orelse = self.expr(&if_.orelse);
                self.roll_back(mark);
                self.join(&[body, orelse])
            }
            Expr::Compare(compare) => self.compare(compare),
            Expr::Dict(dict) => self.dict(dict),
            Expr::Set(set) => self.sequence(ContainerKind::Set, &set.elts, set.range),
            Expr::List(list) => self.sequence(ContainerKind::List, &list.elts, list.range),
            Expr::Tuple(tuple) => self.sequence(ContainerKind::Tuple, &tuple.elts, tuple.range),
            Expr::ListComp(comp) => self.comprehension(
                ContainerKind::List,
                None,
                &comp.elt,
                &comp.generators,
                comp.range,
            ),
            Expr::SetComp(comp) => self.comprehension(
                ContainerKind::Set,
                None,
                &comp.elt,
                &comp.generators,
                comp.range,
            ),
            Expr::Generator(comp) => self.comprehension(
                ContainerKind::Iterator,
                None,
                &comp.elt,
                &comp.generators,
                comp.range,
            ),
            Expr::DictComp(comp) => self.comprehension(
                ContainerKind::Dict,
                comp.key.as_deref(),
                &comp.value,
                &comp.generators,
                comp.range,
            ),
            Expr::Yield(yield_) => {
                let node = yield_
                    .value
                    .as_ref()
                    .map_or(Node::NONE, |value| self.expr_node(value));
                let owner = self.owner();
                let function = &self.ir.functions[owner.0 as usize];
                let (yields, sends) = (function.yields, function.sends);
                self.copy(node, yields);
                self.forget_items();
                Operand::Node(sends)
            }
            Expr::YieldFrom(yield_) => {
                let base = self.expr_node(&yield_.value);
                let to = self.node();
                self.protocol(ProtocolKind::Delegate, base, to);
                Operand::Node(to)
            }
            Expr::Subscript(subscript) => {
                let base = self.expr_node(&subscript.value);
                let key = self.expr(&subscript.slice);
                if !base.is_some() {
                    return Operand::None;
                }
                if let Expr::Slice(slice) = &*subscript.slice {
                    let to = self.node();
                    self.protocol(slice_kind(slice), base, to);
                    self.record(subscript.range, to);
                    return Operand::Node(to);
                }
                if let Some(item) = self.known_item(base, key) {
                    self.record(subscript.range, item);
                    return Operand::Node(item);
                }
                let to = self.node();
                self.subscript(base, key, to, false);
                self.record(subscript.range, to);
                Operand::Node(to)
            }
            Expr::Starred(starred) => {
                let base = self.expr_node(&starred.value);
                let item = self.node();
                self.protocol_at(starred.value.range(), ProtocolKind::Iter, base, item);
                Operand::Node(item)
            }
            Expr::Slice(slice) => {
                for part in [&slice.lower, &slice.upper, &slice.step]
                    .into_iter()
                    .flatten()
                {
                    self.expr(part);
                }
                Operand::None
            }
            Expr::IpyEscapeCommand(_) => Operand::None,
        }
    }

    fn sequence(&mut self, kind: ContainerKind, elts: &'a [Expr], range: TextRange) -> Operand {
        let mut items = Vec::new();
        let mut rest = Vec::new();
        let mut index = Some(0);
        for elt in elts {
            let node = self.expr_node(elt);
            if elt.is_starred_expr() {
                index = None;
            }
            match index {
                Some(at) if kind != ContainerKind::Set => {
                    if node.is_some() {
                        items.push((Key::Int(at), node));
                    }
                    index = Some(at + 1);
                }
                _ => rest.push(node),
            }
        }
        let (id, elements) = self.container(kind, items, range);
        let plain = rest.is_empty();
        for node in rest {
            self.copy(node, elements);
            if kind == ContainerKind::Set {
                let hash = self.sym("__hash__");
                self.protocol(ProtocolKind::Method(hash), node, Node::NONE);
            }
        }
        let node = self.constant(Constant::Container(id));
        if plain {
            self.know_items(node, id);
        }
        self.record(range, node);
        Operand::Node(node)
    }

    fn dict(&mut self, dict: &'a ast::ExprDict) -> Operand {
        let mut items = Vec::new();
        let mut rest = Vec::new();
        let mut keys = Vec::new();
        let mut spread = Vec::new();
        for item in &dict.items {
            let key = item.key.as_ref().map(|key| self.expr(key));
            let value = self.expr_node(&item.value);
            match key {
                Some(Operand::Str(sym)) => {
                    if value.is_some() {
                        items.push((Key::Str(sym), value));
                    }
                }
                Some(Operand::Int(key)) => {
                    if value.is_some() {
                        items.push((Key::Int(key), value));
                    }
                }
                Some(key) => {
                    let key = self.materialize(key);
                    let hash = self.sym("__hash__");
                    self.protocol(ProtocolKind::Method(hash), key, Node::NONE);
                    keys.push(key);
                    rest.push(value);
                }
                None => {
                    // `**other`: its values come along.
                    spread.push(value);
                }
            }
        }
        let (id, elements) = self.container(ContainerKind::Dict, items, dict.range);
        let key_node = self.ir.containers[id.0 as usize].keys;
        for node in rest {
            self.copy(node, elements);
        }
        for node in keys {
            self.copy(node, key_node);
        }
        let node = self.constant(Constant::Container(id));
        for other in &spread {
            self.protocol(ProtocolKind::Merge, *other, node);
        }
        if spread.is_empty() && dict.items.len() == self.ir.containers[id.0 as usize].items.len() {
            self.know_items(node, id);
        }
        self.record(dict.range, node);
        Operand::Node(node)
    }

    fn comprehension(
        &mut self,
        kind: ContainerKind,
        key: Option<&'a Expr>,
        element: &'a Expr,
        generators: &'a [ast::Comprehension],
        range: TextRange,
    ) -> Operand {
        let mut bindings = bindings::Bindings::default();
        for generator in generators {
            bindings
                .bound
                .extend(bindings::assigned_targets(&generator.target));
        }
        let owner = self.owner();
        let mut opened = false;
        self.forget_items();
        for generator in generators {
            let iter = self.expr_node(&generator.iter);
            if !opened {
                self.push_scope(ScopeKind::Comprehension, owner, &bindings, String::new());
                opened = true;
            }
            let item = self.node();
            let protocol = if generator.is_async {
                ProtocolKind::AsyncIter
            } else {
                ProtocolKind::Iter
            };
            self.protocol_at(generator.iter.range(), protocol, iter, item);
            self.bind_comprehension(&generator.target, item);
            for test in &generator.ifs {
                self.truth(test);
                self.narrow(test, false);
            }
        }
        let key = key.map(|key| self.expr_node(key));
        let value = self.expr_node(element);
        if opened {
            self.pop_scope();
        }
        let (id, elements) = self.container(kind, Vec::new(), range);
        self.copy(value, elements);
        if let Some(key) = key {
            let keys = self.ir.containers[id.0 as usize].keys;
            self.copy(key, keys);
        }
        let node = self.constant(Constant::Container(id));
        self.record(range, node);
        Operand::Node(node)
    }

    /// Comprehension variables have one version each: their scope is the innermost one, not the body's.
    fn bind_comprehension(&mut self, target: &'a Expr, item: Node) {
        self.bind(target, item);
    }

    fn lambda(&mut self, lambda: &'a ast::ExprLambda) -> Operand {
        let index = (0..self.scopes.len())
            .rev()
            .find(|index| !matches!(self.scopes[*index].kind, ScopeKind::Comprehension))
            .unwrap_or(0);
        self.scopes[index].lambdas += 1;
        let name = format!("<lambda{}>", self.scopes[index].lambdas);
        let id = self.begin_function(&NewFunction {
            name: &name,
            range: lambda.range,
            name_range: TextRange::empty(lambda.range.start()),
            kind: FunctionKind::Lambda,
            is_async: false,
            is_generator: bindings::expr_has_yield(&lambda.body),
            class: None,
            decorated: false,
        });
        let mut bindings = bindings::Bindings::default();
        if self.has_walrus {
            bindings = bindings::collect_expr(&lambda.body);
        }
        match &lambda.parameters {
            Some(parameters) => {
                let defaults = self.defaults(parameters);
                self.function_body(id, parameters, defaults, bindings, None);
            }
            None => {
                let prefix = self.ir.functions[id.0 as usize].qualname.to_string();
                self.push_scope(ScopeKind::Function { method: None }, id, &bindings, prefix);
            }
        }
        let node = self.expr_node(&lambda.body);
        let function = &mut self.ir.functions[id.0 as usize];
        let passed = function.params.iter().position(|param| param.node == node);
        let ret = function.ret;
        match passed.and_then(|index| u16::try_from(index).ok()) {
            Some(index) => function.passes.push(index),
            None => self.copy(node, ret),
        }
        self.pop_scope();
        let node = self.constant(Constant::Func(id));
        self.record(lambda.range, node);
        Operand::Node(node)
    }

    fn call_expr(&mut self, call: &'a ast::ExprCall, form: CallForm) -> Operand {
        // A fluent chain is a deep tree on its left; each link is shallow enough for the limit above.
        let callee = self.expr_node(&call.func);
        let mut args = Vec::new();
        for arg in &call.arguments.args {
            match arg {
                Expr::Starred(starred) => {
                    let node = self.expr_node(&starred.value);
                    args.push(Arg {
                        kind: ArgKind::Star,
                        node,
                    });
                }
                other => {
                    let node = self.expr_node(other);
                    args.push(Arg {
                        kind: ArgKind::Positional,
                        node,
                    });
                }
            }
        }
        for keyword in &call.arguments.keywords {
            let node = self.expr_node(&keyword.value);
            let kind = match &keyword.arg {
                Some(name) => ArgKind::Keyword(self.sym(name.as_str())),
                None => ArgKind::DoubleStar,
            };
            args.push(Arg { kind, node });
        }
        if !callee.is_some() {
            return Operand::None;
        }
        if let Some(node) = self.all_variables(call) {
            args.push(Arg {
                kind: ArgKind::Positional,
                node,
            });
        }
        let range = call.range();
        let updated = self.updated_items(&call.func, &args);
        let node = self.call(range, callee, args, form);
        if let Some((base, items)) = updated {
            self.items.insert(base, items);
        }
        self.record(range, node);
        Operand::Node(node)
    }
}

impl<'a> Lowerer<'a> {
    /// What `locals()`, `vars()` and `eval(code)` see of the function they are called in: its variables, as a dict.
    fn all_variables(&mut self, call: &ast::ExprCall) -> Option<Node> {
        let name = call.func.as_name_expr()?.id.as_str();
        let given = call.arguments.len();
        let sees = match name {
            "locals" | "vars" => given == 0,
            "eval" | "exec" => given == 1,
            _ => false,
        };
        if !sees {
            return None;
        }
        let scope = &self.scopes[self.body_scope()];
        let mut variables: Vec<(&'a str, Node)> = scope
            .env
            .iter()
            .map(|(name, node)| (*name, *node))
            .collect();
        variables.sort_unstable();
        let items = variables
            .into_iter()
            .map(|(name, node)| (Key::Str(self.sym(name)), node))
            .collect();
        let (id, _) = self.container(ContainerKind::Dict, items, call.range());
        Some(self.constant(Constant::Container(id)))
    }
}

/// The bounds of a slice, where they are constants.
fn slice_kind(slice: &ast::ExprSlice) -> ProtocolKind {
    let bound = |expr: &Option<Box<Expr>>| match expr.as_deref() {
        None => Some(i32::MAX),
        Some(Expr::NumberLiteral(literal)) => match &literal.value {
            ast::Number::Int(int) => int.as_i32().filter(|int| *int < i32::MAX),
            _ => None,
        },
        Some(_) => None,
    };
    match (bound(&slice.lower), bound(&slice.upper), &slice.step) {
        (Some(lower), Some(upper), None) => ProtocolKind::Slice(lower, upper),
        // Bounds that are not known: whatever the whole holds.
        _ => ProtocolKind::Slice(i32::MAX, i32::MIN),
    }
}
