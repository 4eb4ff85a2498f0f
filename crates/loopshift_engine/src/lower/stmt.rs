//! Statements: assignments, branches, definitions.

use loopshift_python::ast::{self, Expr, Pattern, Stmt};
use loopshift_python::{Ranged, TextRange};

use super::scope::{self, ScopeKind};
use super::{Lowerer, Operand};
use crate::ir::{
    CallForm, Class, ClassId, Constant, ContainerKind, FuncId, Function, FunctionKind, Import, Key,
    Node, Param, ParamKind, ProtocolKind, Reason, Store, Subscript,
};

impl<'a> Lowerer<'a> {
    /// Lowers the statements; returns whether control never leaves them at the end.
    pub(super) fn body(&mut self, body: &'a [Stmt]) -> bool {
        let mut ends = false;
        for stmt in body {
            ends |= self.stmt(stmt);
        }
        ends
    }

    fn stmt(&mut self, stmt: &'a Stmt) -> bool {
        match stmt {
            Stmt::FunctionDef(def) => self.function_def(def),
            Stmt::ClassDef(def) => self.class_def(def),
            Stmt::Return(return_) => {
                self.return_(return_);
                return true;
            }
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    if let Expr::Subscript(subscript) = target {
                        let base = self.expr_node(&subscript.value);
                        self.expr(&subscript.slice);
                        let method = self.sym("__delitem__");
                        self.protocol(ProtocolKind::Method(method), base, Node::NONE);
                    }
                }
            }
            Stmt::TypeAlias(_) | Stmt::Pass(_) | Stmt::IpyEscapeCommand(_) => {}
            Stmt::Global(_) | Stmt::Nonlocal(_) => {}
            Stmt::Assign(assign) => self.assign(assign),
            Stmt::AugAssign(assign) => self.aug_assign(assign),
            Stmt::AnnAssign(assign) => self.ann_assign(assign),
            Stmt::For(for_) => self.for_(for_),
            Stmt::While(while_) => self.while_(while_),
            Stmt::If(if_) => return self.if_(if_),
            Stmt::With(with) => return self.with(with),
            Stmt::Match(match_) => self.match_(match_),
            Stmt::Raise(raise) => {
                if let Some(exc) = &raise.exc {
                    let node = self.expr_node(exc);
                    if !matches!(**exc, Expr::Call(_)) {
                        self.protocol(ProtocolKind::Raise, node, Node::NONE);
                    }
                }
                if let Some(cause) = &raise.cause {
                    self.expr(cause);
                }
                return true;
            }
            Stmt::Try(try_) => return self.try_(try_),
            Stmt::Assert(assert) => {
                self.expr(&assert.test);
                if let Some(msg) = &assert.msg {
                    self.expr(msg);
                }
                self.narrow(&assert.test);
            }
            Stmt::Import(import) => self.import(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::Expr(expr) => {
                self.expr_form(&expr.value, CallForm::Statement);
            }
            Stmt::Break(_) | Stmt::Continue(_) => return true,
        }
        false
    }

    fn return_(&mut self, return_: &'a ast::StmtReturn) {
        let Some(value) = &return_.value else { return };
        let func = self.owner();
        let node = self.expr_node(value);
        if !node.is_some() {
            return;
        }
        let function = &mut self.ir.functions[func.0 as usize];
        // A parameter handed back is followed call by call, so that callers do not see each other's arguments.
        let passed = function.params.iter().position(|param| {
            param.node == node
                && matches!(
                    param.kind,
                    ParamKind::Positional | ParamKind::PositionalOnly | ParamKind::KeywordOnly
                )
        });
        match passed.and_then(|index| u16::try_from(index).ok()) {
            Some(index) if !function.is_async && !function.is_generator => {
                if !function.passes.contains(&index) {
                    function.passes.push(index);
                }
            }
            _ => {
                let ret = function.ret;
                self.copy(node, ret);
            }
        }
    }

    fn assign(&mut self, assign: &'a ast::StmtAssign) {
        // Element by element, so that `a, b = f, g` does not mix the two.
        if let ([Expr::Tuple(targets)], Expr::Tuple(values)) = (&assign.targets[..], &*assign.value)
        {
            let plain = |elts: &[Expr]| !elts.iter().any(Expr::is_starred_expr);
            if targets.len() == values.len() && plain(&targets.elts) && plain(&values.elts) {
                let nodes: Vec<Node> = values
                    .elts
                    .iter()
                    .map(|value| self.expr_node(value))
                    .collect();
                for (target, node) in targets.elts.iter().zip(nodes) {
                    self.bind(target, node);
                }
                return;
            }
        }
        let node = self.expr_node(&assign.value);
        if let [Expr::Name(name)] = &assign.targets[..]
            && name.id.as_str() == "__all__"
            && self.scopes.len() == 1
        {
            self.all(&assign.value);
        }
        for target in &assign.targets {
            self.bind(target, node);
        }
    }

    fn all(&mut self, value: &'a Expr) {
        let elts = match value {
            Expr::List(list) => &list.elts,
            Expr::Tuple(tuple) => &tuple.elts,
            _ => return,
        };
        let names: Option<Vec<&str>> = elts
            .iter()
            .map(|elt| {
                elt.as_string_literal_expr()
                    .map(|literal| literal.value.to_str())
            })
            .collect();
        if let Some(names) = names {
            let names = names.into_iter().map(|name| self.sym(name)).collect();
            self.ir.all = Some(names);
        }
    }

    fn aug_assign(&mut self, assign: &'a ast::StmtAugAssign) {
        let before = self.expr_node(&assign.target);
        let value = self.expr_node(&assign.value);
        let method = match assign.op {
            ast::Operator::Add => "__iadd__",
            ast::Operator::Sub => "__isub__",
            ast::Operator::BitOr => "__ior__",
            ast::Operator::BitAnd => "__iand__",
            ast::Operator::Mult => "__imul__",
            _ => "__iop__",
        };
        let result = self.node();
        self.copy(before, result);
        self.copy(value, result);
        let method = self.sym(method);
        self.protocol(ProtocolKind::Method(method), before, Node::NONE);
        self.bind(&assign.target, result);
    }

    fn ann_assign(&mut self, assign: &'a ast::StmtAnnAssign) {
        let annotation = self.annotation(&assign.annotation);
        let node = match &assign.value {
            Some(value) => self.expr_node(value),
            None => Node::NONE,
        };
        if assign.value.is_none() && !matches!(*assign.target, Expr::Name(_)) {
            return;
        }
        let slot = self.node();
        self.copy(node, slot);
        if let Some(annotation) = annotation {
            self.ir.annotations.push((slot, annotation));
        }
        if let (Expr::Name(name), ScopeKind::Class(class)) = (
            &*assign.target,
            self.scopes
                .last()
                .map_or(ScopeKind::Module, |scope| scope.kind),
        ) {
            let sym = self.sym(name.id.as_str());
            self.ir.classes[class.0 as usize].fields.push((sym, slot));
        }
        self.bind(&assign.target, slot);
    }

    /// Gives the values of `node` to an assignment target.
    pub(super) fn bind(&mut self, target: &'a Expr, node: Node) {
        match target {
            Expr::Name(name) => {
                let node = if node.is_some() { node } else { self.node() };
                self.record(name.range, node);
                self.write(name.id.as_str(), node);
            }
            Expr::Attribute(attribute) => {
                let base = self.expr_node(&attribute.value);
                if !base.is_some() {
                    return;
                }
                let node = if node.is_some() { node } else { self.node() };
                self.record(attribute.range, node);
                let attr = self.sym(attribute.attr.as_str());
                let owner = self.owner();
                let class = self
                    .outer_method()
                    .filter(|(_, this)| *this == base)
                    .map(|(class, _)| class);
                self.ir.stores.push(Store {
                    base,
                    attr,
                    from: node,
                    owner,
                    class,
                });
            }
            Expr::Subscript(subscript) => {
                let base = self.expr_node(&subscript.value);
                let key = self.expr(&subscript.slice);
                self.subscript(base, key, node, true);
            }
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                self.unpack(elts, node);
            }
            Expr::Starred(starred) => {
                let (id, elements) = self.container(ContainerKind::List, Vec::new(), starred.range);
                self.copy(node, elements);
                let list = self.constant(Constant::Container(id));
                self.bind(&starred.value, list);
            }
            other => {
                self.expr(other);
            }
        }
    }

    fn unpack(&mut self, elts: &'a [Expr], node: Node) {
        let star = elts.iter().position(Expr::is_starred_expr);
        for (index, elt) in elts.iter().enumerate() {
            let value = self.node();
            if node.is_some() {
                let from_end = star.is_some_and(|star| index > star);
                let starred = star == Some(index);
                let key = if from_end || starred {
                    i32::try_from(elts.len() - index).map_or(Key::Any, |back| Key::Int(-back))
                } else {
                    i32::try_from(index).map_or(Key::Any, Key::Int)
                };
                let key = if starred { Key::Any } else { key };
                let owner = self.owner();
                self.ir.subscripts.push(Subscript {
                    base: node,
                    key,
                    key_node: Node::NONE,
                    value,
                    store: false,
                    owner,
                });
            }
            self.bind(elt, value);
        }
    }

    pub(super) fn subscript(&mut self, base: Node, key: Operand, value: Node, store: bool) {
        if !base.is_some() {
            return;
        }
        let (key, key_node) = match key {
            Operand::Str(sym) => (Key::Str(sym), Node::NONE),
            Operand::Int(value) => (Key::Int(value), Node::NONE),
            Operand::Node(node) => (Key::Any, node),
            Operand::None | Operand::Builtin(_) => (Key::Any, Node::NONE),
        };
        let owner = self.owner();
        self.ir.subscripts.push(Subscript {
            base,
            key,
            key_node,
            value,
            store,
            owner,
        });
    }

    fn for_(&mut self, for_: &'a ast::StmtFor) {
        let iter = self.expr_node(&for_.iter);
        let item = self.node();
        let kind = if for_.is_async {
            ProtocolKind::AsyncIter
        } else {
            ProtocolKind::Iter
        };
        self.protocol(kind, iter, item);
        let mut names = scope::assigned(&[&for_.body], self.has_walrus);
        names.extend(scope::assigned_targets(&for_.target));
        self.open_region(&names);
        self.enter_joins();
        self.bind(&for_.target, item);
        self.body(&for_.body);
        self.enter_joins();
        self.close_region();
        self.body(&for_.orelse);
    }

    fn while_(&mut self, while_: &'a ast::StmtWhile) {
        let names = scope::assigned(&[&while_.body], self.has_walrus);
        self.open_region(&names);
        self.enter_joins();
        self.expr(&while_.test);
        let mark = self.mark();
        self.narrow(&while_.test);
        self.body(&while_.body);
        self.roll_back(mark);
        self.enter_joins();
        self.close_region();
        self.body(&while_.orelse);
    }

    fn if_(&mut self, if_: &'a ast::StmtIf) -> bool {
        let mut left = Vec::new();
        let mut ends_all = true;
        let mut has_else = false;
        self.expr(&if_.test);
        let mark = self.mark();
        self.narrow(&if_.test);
        let ends = self.body(&if_.body);
        let versions = self.roll_back(mark);
        if !ends {
            left.push(versions);
            ends_all = false;
        }
        for clause in &if_.elif_else_clauses {
            let mark = self.mark();
            match &clause.test {
                Some(test) => {
                    self.expr(test);
                    self.narrow(test);
                }
                None => has_else = true,
            }
            let ends = self.body(&clause.body);
            let versions = self.roll_back(mark);
            if !ends {
                left.push(versions);
                ends_all = false;
            }
        }
        self.merge(left, !has_else);
        ends_all && has_else
    }

    fn with(&mut self, with: &'a ast::StmtWith) -> bool {
        for item in &with.items {
            let base = self.expr_node(&item.context_expr);
            let to = self.node();
            let kind = if with.is_async {
                ProtocolKind::AsyncEnter
            } else {
                ProtocolKind::Enter
            };
            self.protocol(kind, base, to);
            if let Some(target) = &item.optional_vars {
                self.bind(target, to);
            }
        }
        self.body(&with.body)
    }

    fn try_(&mut self, try_: &'a ast::StmtTry) -> bool {
        let names = scope::assigned(&[&try_.body], self.has_walrus);
        self.open_region(&names);
        let mark = self.mark();
        let body_ends = self.body(&try_.body);
        let else_ends = self.body(&try_.orelse) || body_ends;
        let mut left = Vec::new();
        let versions = self.roll_back(mark);
        let mut ends_all = else_ends;
        if !else_ends {
            left.push(versions);
        }
        for handler in &try_.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            let mark = self.mark();
            self.enter_joins();
            let class = handler.type_.as_deref().map(|type_| self.expr_node(type_));
            if let Some(name) = &handler.name {
                let instance = self.node();
                if let Some(class) = class.filter(|class| class.is_some()) {
                    self.ir.narrows.push((class, instance));
                }
                self.record(name.range(), instance);
                self.write(name.as_str(), instance);
            }
            let ends = self.body(&handler.body);
            let versions = self.roll_back(mark);
            if !ends {
                left.push(versions);
            }
            ends_all &= ends;
        }
        if !try_.finalbody.is_empty() {
            // On the way out by an exception.
            let mark = self.mark();
            self.enter_joins();
            let versions = self.roll_back(mark);
            self.close_region();
            if ends_all {
                left.push(versions);
            }
            self.merge(left, false);
            return self.body(&try_.finalbody) || ends_all;
        }
        self.close_region();
        self.merge(left, false);
        ends_all
    }

    fn match_(&mut self, match_: &'a ast::StmtMatch) {
        let subject = self.expr_node(&match_.subject);
        let mut left = Vec::new();
        for case in &match_.cases {
            let mark = self.mark();
            self.pattern(&case.pattern, subject);
            if let (Pattern::MatchClass(class), Expr::Name(name)) =
                (&case.pattern, &*match_.subject)
            {
                let class = self.expr_node(&class.cls);
                self.narrow_to(name.id.as_str(), class);
            }
            if let Some(guard) = &case.guard {
                self.expr(guard);
            }
            let ends = self.body(&case.body);
            let versions = self.roll_back(mark);
            if !ends {
                left.push(versions);
            }
        }
        self.merge(left, true);
    }

    fn pattern(&mut self, pattern: &'a Pattern, subject: Node) {
        match pattern {
            Pattern::MatchValue(value) => {
                self.expr(&value.value);
            }
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(sequence) => {
                for (index, pattern) in sequence.patterns.iter().enumerate() {
                    let item = self.node();
                    let key = i32::try_from(index).map_or(Key::Any, Key::Int);
                    if subject.is_some() {
                        let owner = self.owner();
                        self.ir.subscripts.push(Subscript {
                            base: subject,
                            key,
                            key_node: Node::NONE,
                            value: item,
                            store: false,
                            owner,
                        });
                    }
                    self.pattern(pattern, item);
                }
            }
            Pattern::MatchMapping(mapping) => {
                for (key, pattern) in mapping.keys.iter().zip(&mapping.patterns) {
                    let key = self.expr(key);
                    let item = self.node();
                    self.subscript(subject, key, item, false);
                    self.pattern(pattern, item);
                }
                if let Some(rest) = &mapping.rest {
                    self.write(rest.as_str(), Node::NONE);
                }
            }
            Pattern::MatchClass(class) => {
                let cls = self.expr_node(&class.cls);
                let instance = self.node();
                if cls.is_some() {
                    self.ir.narrows.push((cls, instance));
                }
                for keyword in &class.arguments.keywords {
                    let attr = self.load(instance, keyword.attr.as_str());
                    self.pattern(&keyword.pattern, attr);
                }
                for pattern in &class.arguments.patterns {
                    self.pattern(pattern, Node::NONE);
                }
            }
            Pattern::MatchStar(star) => {
                if let Some(name) = &star.name {
                    self.write(name.as_str(), Node::NONE);
                }
            }
            Pattern::MatchAs(as_) => {
                let mut node = subject;
                if let Some(pattern) = &as_.pattern {
                    if let Pattern::MatchClass(class) = &**pattern {
                        let cls = self.expr_node(&class.cls);
                        node = self.node();
                        if cls.is_some() {
                            self.ir.narrows.push((cls, node));
                        }
                    }
                    self.pattern(pattern, subject);
                }
                if let Some(name) = &as_.name {
                    self.write(name.as_str(), node);
                }
            }
            Pattern::MatchOr(or) => {
                for pattern in &or.patterns {
                    self.pattern(pattern, subject);
                }
            }
        }
    }

    /// In what follows, `test` has held: `isinstance(x, C)`.
    pub(super) fn narrow(&mut self, test: &'a Expr) {
        match test {
            Expr::BoolOp(ast::ExprBoolOp {
                op: ast::BoolOp::And,
                values,
                ..
            }) => {
                for value in values {
                    self.narrow(value);
                }
            }
            Expr::Call(call) => {
                let Expr::Name(func) = &*call.func else {
                    return;
                };
                let [Expr::Name(name), class] = &call.arguments.args[..] else {
                    return;
                };
                if func.id.as_str() == "isinstance" {
                    let class = self.expr_node(class);
                    self.narrow_to(name.id.as_str(), class);
                }
            }
            _ => {}
        }
    }

    fn narrow_to(&mut self, name: &'a str, class: Node) {
        if !class.is_some() {
            return;
        }
        let instance = self.node();
        self.ir.narrows.push((class, instance));
        let joins_saved = self.without_regions(|lowerer| lowerer.write(name, instance));
        let () = joins_saved;
    }

    fn import(&mut self, import: &'a ast::StmtImport) {
        for alias in &import.names {
            let to = self.node();
            let full = alias.name.as_str();
            let module = if alias.asname.is_some() {
                full
            } else {
                full.split('.').next().unwrap_or(full)
            };
            let sym = self.sym(module);
            self.ir.imports.push(Import {
                module: sym,
                name: None,
                to,
                range: alias.range,
            });
            if module != full {
                // The submodule is loaded, too.
                let node = self.node();
                let sym = self.sym(full);
                self.ir.imports.push(Import {
                    module: sym,
                    name: None,
                    to: node,
                    range: alias.range,
                });
            }
            self.record(alias.range, to);
            self.write(scope::import_binding(alias), to);
        }
    }

    fn import_from(&mut self, import: &'a ast::StmtImportFrom) {
        let module = self.absolute(
            import.module.as_ref().map(ast::Identifier::as_str),
            import.level,
        );
        let module = self.sym(&module);
        for alias in &import.names {
            if alias.name.as_str() == "*" {
                self.ir.stars.push(module);
                continue;
            }
            let to = self.node();
            let name = self.sym(alias.name.as_str());
            self.ir.imports.push(Import {
                module,
                name: Some(name),
                to,
                range: alias.range,
            });
            self.record(alias.range, to);
            self.write(alias.asname.as_ref().unwrap_or(&alias.name).as_str(), to);
        }
    }

    fn decorate(&mut self, decorators: &'a [ast::Decorator], mut value: Node) -> Node {
        let callees: Vec<Node> = decorators
            .iter()
            .map(|decorator| self.expr_node(&decorator.expression))
            .collect();
        for (decorator, callee) in decorators.iter().zip(callees).rev() {
            if callee.is_some() {
                let args = vec![Self::positional(value)];
                value = self.call(decorator.range, callee, args, CallForm::Decorator);
            }
        }
        value
    }

    fn function_def(&mut self, def: &'a ast::StmtFunctionDef) {
        let params = self.defaults(&def.parameters);
        let returns = def
            .returns
            .as_ref()
            .and_then(|returns| self.annotation(returns));
        let class = match self.scopes.last().map(|scope| scope.kind) {
            Some(ScopeKind::Class(class)) => Some(class),
            _ => None,
        };
        let bindings = scope::collect(&def.body, self.has_walrus);
        let is_generator = scope::has_yield(&def.body);
        let id = self.begin_function(NewFunction {
            name: def.name.as_str(),
            range: def.range,
            name_range: def.name.range(),
            kind: FunctionKind::Def,
            is_async: def.is_async,
            is_generator,
            class,
            decorated: !def.decorator_list.is_empty(),
        });
        let value = self.constant(Constant::Func(id));
        let value = self.decorate(&def.decorator_list, value);
        self.record(def.name.range(), value);
        self.write(def.name.as_str(), value);
        let is_static = def.decorator_list.iter().any(|decorator| {
            matches!(&decorator.expression, Expr::Name(name) if name.id.as_str() == "staticmethod")
        });
        self.function_body(
            id,
            &def.parameters,
            params,
            bindings,
            class.filter(|_| !is_static),
        );
        self.body(&def.body);
        self.pop_scope();
        if let Some(annotation) = returns {
            let function = &self.ir.functions[id.0 as usize];
            let slot = if is_generator {
                function.yields
            } else {
                function.ret
            };
            let annotation = match annotation {
                crate::ir::Annotation::Container(_, element) if is_generator => *element,
                other => other,
            };
            if function.passes.is_empty() {
                self.ir.annotations.push((slot, annotation));
            }
        }
    }

    pub(super) fn begin_function(&mut self, new: NewFunction<'_>) -> FuncId {
        let ret = self.node();
        let yields = self.node();
        let id = FuncId(u32::try_from(self.ir.functions.len()).unwrap_or(u32::MAX));
        let qualname = self.qualify(new.name);
        self.ir.functions.push(Function {
            qualname: qualname.into(),
            range: new.range,
            name_range: new.name_range,
            kind: new.kind,
            is_async: new.is_async,
            is_generator: new.is_generator,
            parent: self.owner(),
            class: new.class,
            params: Vec::new(),
            ret,
            yields,
            passes: Vec::new(),
            decorated: new.decorated,
        });
        id
    }

    /// The values of the defaults, in the scope around the function.
    pub(super) fn defaults(&mut self, parameters: &'a ast::Parameters) -> Vec<Node> {
        parameters
            .iter_non_variadic_params()
            .map(|param| {
                param
                    .default()
                    .map_or(Node::NONE, |default| self.expr_node(default))
            })
            .collect()
    }

    /// Opens the scope of a function and binds its parameters.
    pub(super) fn function_body(
        &mut self,
        id: FuncId,
        parameters: &'a ast::Parameters,
        defaults: Vec<Node>,
        mut bindings: scope::Bindings<'a>,
        class: Option<ClassId>,
    ) {
        let annotations: Vec<_> = parameters
            .iter()
            .map(|param| {
                let annotation = param.annotation()?;
                self.annotation(annotation)
            })
            .collect();
        bindings
            .bound
            .extend(parameters.iter().map(|param| param.name().as_str()));
        let prefix = self.ir.functions[id.0 as usize].qualname.to_string();
        self.push_scope(ScopeKind::Function { method: None }, id, &bindings, prefix);
        let mut params = Vec::new();
        let mut add = |lowerer: &mut Self, param: &'a ast::Parameter, kind, has_default| {
            let node = lowerer.node();
            let name = lowerer.sym(param.name.as_str());
            lowerer.record(param.name.range(), node);
            lowerer.write(param.name.as_str(), node);
            params.push(Param {
                name,
                node,
                kind,
                range: param.range,
                has_default,
            });
        };
        for param in &parameters.posonlyargs {
            add(
                self,
                &param.parameter,
                ParamKind::PositionalOnly,
                param.default.is_some(),
            );
        }
        for param in &parameters.args {
            add(
                self,
                &param.parameter,
                ParamKind::Positional,
                param.default.is_some(),
            );
        }
        for param in &parameters.kwonlyargs {
            add(
                self,
                &param.parameter,
                ParamKind::KeywordOnly,
                param.default.is_some(),
            );
        }
        for (index, default) in defaults.into_iter().enumerate() {
            self.copy(default, params[index].node);
        }
        let star = |lowerer: &mut Self, param: &'a ast::Parameter, kind: ContainerKind| {
            let (container, _) = lowerer.container(kind, Vec::new(), param.range);
            let node = lowerer.constant(Constant::Container(container));
            lowerer.record(param.name.range(), node);
            lowerer.write(param.name.as_str(), node);
            let name = lowerer.sym(param.name.as_str());
            let kind = match kind {
                ContainerKind::Dict => ParamKind::DoubleStar(container),
                _ => ParamKind::Star(container),
            };
            Param {
                name,
                node,
                kind,
                range: param.range,
                has_default: false,
            }
        };
        if let Some(param) = &parameters.vararg {
            let param = star(self, param, ContainerKind::Tuple);
            params.push(param);
        }
        if let Some(param) = &parameters.kwarg {
            let param = star(self, param, ContainerKind::Dict);
            params.push(param);
        }
        for (param, annotation) in parameters.iter().zip(annotations) {
            let name = self.sym(param.name().as_str());
            let known = params.iter().find(|known| known.name == name);
            if let (Some(annotation), Some(known)) = (annotation, known)
                && matches!(
                    known.kind,
                    ParamKind::Positional | ParamKind::PositionalOnly | ParamKind::KeywordOnly
                )
            {
                self.ir.annotations.push((known.node, annotation));
            }
        }
        if let (Some(class), Some(first)) = (class, params.first())
            && matches!(
                first.kind,
                ParamKind::Positional | ParamKind::PositionalOnly
            )
            && let Some(scope) = self.scopes.last_mut()
        {
            scope.kind = ScopeKind::Function {
                method: Some((class, first.node)),
            };
        }
        self.ir.functions[id.0 as usize].params = params;
    }

    fn class_def(&mut self, def: &'a ast::StmtClassDef) {
        let mut bases = Vec::new();
        if let Some(arguments) = &def.arguments {
            for base in &arguments.args {
                let base = match base {
                    // `Generic[T]`, `Base[int]`: the class is what is subscripted.
                    Expr::Subscript(subscript) => {
                        self.expr(&subscript.slice);
                        self.expr_node(&subscript.value)
                    }
                    other => self.expr_node(other),
                };
                if base.is_some() {
                    bases.push(base);
                }
            }
            for keyword in &arguments.keywords {
                self.expr(&keyword.value);
            }
        }
        let id = ClassId(u32::try_from(self.ir.classes.len()).unwrap_or(u32::MAX));
        let qualname = self.qualify(def.name.as_str());
        let owner = self.owner();
        self.ir.classes.push(Class {
            qualname: qualname.as_str().into(),
            range: def.range,
            name_range: def.name.range(),
            bases,
            attrs: Vec::new(),
            fields: Vec::new(),
            parent: owner,
        });
        let class = self.constant(Constant::Class(id));
        let value = self.decorate(&def.decorator_list, class);
        // Nearly every class decorator hands the class back, and its bases must be known early.
        self.copy(class, value);
        self.record(def.name.range(), value);
        self.write(def.name.as_str(), value);
        let bindings = scope::collect(&def.body, self.has_walrus);
        self.push_scope(ScopeKind::Class(id), owner, &bindings, qualname);
        self.body(&def.body);
        let scope = self.pop_scope();
        let mut attrs: Vec<(&str, Node)> = scope
            .bindings
            .iter()
            .map(|(name, binding)| (*name, binding.cell))
            .collect();
        attrs.sort_unstable();
        let attrs = attrs
            .into_iter()
            .map(|(name, node)| (self.sym(name), node))
            .collect();
        self.ir.classes[id.0 as usize].attrs = attrs;
    }

    /// A value that a `try` or loop must not take for an assignment: narrowing is no assignment.
    fn without_regions(&mut self, action: impl FnOnce(&mut Self)) {
        let index = self.body_scope();
        let regions = std::mem::take(&mut self.scopes[index].regions);
        action(self);
        let index = self.body_scope();
        self.scopes[index].regions = regions;
    }

    pub(super) fn unknown_node(&mut self) -> Node {
        self.unknown(Reason::Dynamic)
    }
}

/// What a new function is.
pub(super) struct NewFunction<'n> {
    pub(super) name: &'n str,
    pub(super) range: TextRange,
    pub(super) name_range: TextRange,
    pub(super) kind: FunctionKind,
    pub(super) is_async: bool,
    pub(super) is_generator: bool,
    pub(super) class: Option<ClassId>,
    pub(super) decorated: bool,
}
