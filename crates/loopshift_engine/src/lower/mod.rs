//! From the syntax tree to the facts of one module.
//!
//! Local variables are followed in order: each assignment makes a new version, branches join, loops
//! and `try` blocks keep what any part of them assigned. Variables that other scopes see have a cell
//! that holds all versions.

mod annotation;
mod assign;
mod bindings;
mod choice;
mod define;
mod expr;
mod import;
mod items;
mod operator;
mod pattern;
mod scope;
mod stmt;

use loopshift_python::ast::{self, ModModule};
use loopshift_python::{TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::{
    Arg, ArgKind, Call, CallForm, ClassId, Constant, Container, ContainerId, ContainerKind, FuncId,
    Function, FunctionKind, Load, ModuleIr, Node, Protocol, ProtocolKind, Reason, Sym,
};
use scope::{Scope, ScopeKind};

/// What lowering needs to know of a module beside its text.
#[derive(Clone, Copy, Debug)]
pub struct ModuleName<'a> {
    /// The dotted name.
    pub name: &'a str,
    /// Whether the file is an `__init__.py`: relative imports start at the module itself.
    pub is_package: bool,
}

/// Extracts the facts of a module.
pub fn lower(module: &ModModule, source: &str, name: ModuleName<'_>) -> ModuleIr {
    let mut lowerer = Lowerer {
        ir: ModuleIr::default(),
        source,
        name,
        symbols: FxHashMap::default(),
        scopes: Vec::new(),
        free: FxHashMap::default(),
        builtin_types: FxHashMap::default(),
        has_walrus: memchr::memmem::find(source.as_bytes(), b":=").is_some(),
        shared: FxHashSet::default(),
        items: FxHashMap::default(),
        choosing: FxHashMap::default(),
        depth: 0,
    };
    lowerer.module(module);
    let mut ir = lowerer.ir;
    ir.exprs
        .sort_by_key(|(range, _)| (range.start(), range.end()));
    ir.shrink();
    ir
}

/// The values of an expression while it is lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// Nothing of interest.
    None,
    /// The values of a node.
    Node(Node),
    /// A short string.
    Str(Sym),
    /// A string that begins so.
    Start(Sym),
    /// A number.
    Int(i32),
    /// An instance of a builtin type.
    Builtin(&'static str),
}

pub(crate) struct Lowerer<'a> {
    ir: ModuleIr,
    source: &'a str,
    name: ModuleName<'a>,
    symbols: FxHashMap<String, Sym>,
    scopes: Vec<Scope<'a>>,
    free: FxHashMap<&'a str, Node>,
    builtin_types: FxHashMap<&'static str, Sym>,
    /// Whether the text holds `:=` at all: only then are expressions searched for bindings.
    has_walrus: bool,
    /// Names that some function declares `global` or `nonlocal`: no versions are kept for them.
    shared: FxHashSet<&'a str>,
    /// What is known of displays in straight-line code.
    items: FxHashMap<Node, items::Items>,
    /// Where functions choose by a parameter what they return.
    choosing: FxHashMap<FuncId, choice::Choosing>,
    /// How many expressions and statements are open, against stack exhaustion.
    depth: u32,
}

impl<'a> Lowerer<'a> {
    fn module(&mut self, module: &'a ModModule) {
        let globals = bindings::collect_shared(&module.body, &mut self.shared);
        let ret = self.node();
        let yields = self.node();
        let sends = self.node();
        self.ir.functions.push(Function {
            qualname: "".into(),
            range: TextRange::up_to(TextSize::of(self.source)),
            name_range: TextRange::default(),
            kind: FunctionKind::Module,
            is_async: false,
            is_generator: false,
            parent: FuncId::NONE,
            class: None,
            params: Vec::new(),
            ret,
            yields,
            sends,
            passes: Vec::new(),
            choice: None,
            loops: Vec::new(),
            decorated: false,
        });
        let bindings = bindings::collect(&module.body, self.has_walrus);
        self.push_scope(ScopeKind::Module, FuncId(0), &bindings, String::new());
        self.bind_globals(&globals);
        self.body(&module.body);
        let scope = self.pop_scope();
        let mut globals: Vec<(&str, Node)> = scope
            .bindings
            .iter()
            .map(|(name, binding)| (*name, binding.cell))
            .collect();
        globals.sort_unstable();
        self.ir.globals = globals
            .into_iter()
            .map(|(name, node)| (self.sym(name), node))
            .collect();
    }

    /// A new node.
    fn node(&mut self) -> Node {
        let node = Node(self.ir.nodes);
        self.ir.nodes += 1;
        node
    }

    fn sym(&mut self, text: &str) -> Sym {
        if let Some(sym) = self.symbols.get(text) {
            return *sym;
        }
        let sym = Sym(u32::try_from(self.ir.symbols.len()).unwrap_or(u32::MAX));
        self.ir.symbols.push(text.into());
        self.symbols.insert(text.to_owned(), sym);
        sym
    }

    fn builtin_type(&mut self, name: &'static str) -> Sym {
        if let Some(sym) = self.builtin_types.get(name) {
            return *sym;
        }
        let sym = self.sym(&format!("<builtin>.{name}"));
        self.builtin_types.insert(name, sym);
        sym
    }

    fn constant(&mut self, constant: Constant) -> Node {
        let node = self.node();
        self.ir.constants.push((node, constant));
        node
    }

    fn unknown(&mut self, reason: Reason) -> Node {
        self.constant(Constant::Unknown(reason))
    }

    fn copy(&mut self, from: Node, to: Node) {
        if from != to && from.is_some() && to.is_some() {
            self.ir.copies.push((from, to));
        }
    }

    /// The node of an operand, made where it has none yet.
    fn materialize(&mut self, operand: Operand) -> Node {
        match operand {
            Operand::None => Node::NONE,
            Operand::Node(node) => node,
            Operand::Str(sym) => self.constant(Constant::Str(sym)),
            Operand::Start(sym) => self.constant(Constant::Start(sym)),
            Operand::Int(value) => self.constant(Constant::Int(value)),
            Operand::Builtin(name) => {
                let sym = self.builtin_type(name);
                self.constant(Constant::Builtin(sym))
            }
        }
    }

    /// A node that joins the operands, or none where there is nothing to join.
    fn join(&mut self, operands: &[Operand]) -> Operand {
        let mut known = operands.iter().filter(|operand| **operand != Operand::None);
        match (known.next(), known.next()) {
            (None, _) => Operand::None,
            (Some(only), None) => *only,
            _ => {
                let node = self.node();
                for operand in operands {
                    let from = self.materialize(*operand);
                    self.copy(from, node);
                }
                Operand::Node(node)
            }
        }
    }

    fn container(
        &mut self,
        kind: ContainerKind,
        items: Vec<(crate::ir::Key, Node)>,
        range: TextRange,
    ) -> (ContainerId, Node) {
        let elements = self.node();
        let keys = if kind == ContainerKind::Dict {
            self.node()
        } else {
            Node::NONE
        };
        let id = ContainerId(u32::try_from(self.ir.containers.len()).unwrap_or(u32::MAX));
        self.ir.containers.push(Container {
            kind,
            elements,
            keys,
            items,
            range,
        });
        (id, elements)
    }

    fn record(&mut self, range: TextRange, node: Node) {
        if node.is_some() {
            self.ir.exprs.push((range, node));
        }
    }

    /// The function whose body is being lowered.
    fn owner(&self) -> FuncId {
        self.scopes.last().map_or(FuncId(0), |scope| scope.owner)
    }

    /// The class around the method being lowered, with its first parameter; also from functions nested in it.
    fn outer_method(&self) -> Option<(ClassId, Node)> {
        self.scopes.iter().rev().find_map(|scope| match scope.kind {
            ScopeKind::Function { method, .. } => method,
            _ => None,
        })
    }

    /// The symbol of an attribute: `__name` within a class is private to it.
    fn attr_sym(&mut self, attr: &str) -> Sym {
        if attr.starts_with("__") && !attr.ends_with("__") {
            let class = self.scopes.iter().rev().find_map(|scope| match scope.kind {
                ScopeKind::Class(class) => Some(class),
                _ => None,
            });
            if let Some(class) = class {
                let qualname = &self.ir.classes[class.0 as usize].qualname;
                let mangled = mangle(qualname, attr);
                return self.sym(&mangled);
            }
        }
        self.sym(attr)
    }

    fn load(&mut self, base: Node, attr: &str) -> Node {
        let attr = self.attr_sym(attr);
        let to = self.node();
        let owner = self.owner();
        self.ir.loads.push(Load {
            base,
            attr,
            to,
            owner,
        });
        to
    }

    fn protocol(&mut self, kind: ProtocolKind, base: Node, to: Node) {
        self.protocol_with(kind, base, Node::NONE, to);
    }

    /// The protocol of the expression at a range.
    fn protocol_at(&mut self, range: TextRange, kind: ProtocolKind, base: Node, to: Node) {
        self.protocol(kind, base, to);
        if let Some(protocol) = self.ir.protocols.last_mut().filter(|_| base.is_some()) {
            protocol.range = range;
        }
    }

    fn protocol_with(&mut self, kind: ProtocolKind, base: Node, arg: Node, to: Node) {
        if base.is_some() {
            let owner = self.owner();
            self.ir.protocols.push(Protocol {
                kind,
                base,
                arg,
                to,
                owner,
                range: TextRange::default(),
            });
        }
    }

    fn call(&mut self, range: TextRange, callee: Node, args: Vec<Arg>, form: CallForm) -> Node {
        let result = self.node();
        let owner = self.owner();
        let method = self.outer_method();
        self.forget_items();
        self.ir.calls.push(Call {
            range,
            owner,
            callee,
            args: args.into(),
            result,
            form,
            method,
        });
        result
    }

    fn positional(node: Node) -> Arg {
        Arg {
            kind: ArgKind::Positional,
            node,
        }
    }

    /// The qualified name of a definition called `name` in the current scope.
    fn qualify(&self, name: &str) -> String {
        let prefix = self
            .scopes
            .iter()
            .rev()
            .find(|scope| !matches!(scope.kind, ScopeKind::Comprehension))
            .map_or("", |scope| scope.prefix.as_str());
        if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}.{name}")
        }
    }
}

/// The absolute name of the module that an import in the module names.
pub(crate) fn absolute(name: ModuleName<'_>, module: Option<&str>, level: u32) -> String {
    if level == 0 {
        return module.unwrap_or_default().to_owned();
    }
    let mut parts: Vec<&str> = name.name.split('.').collect();
    let drop = level as usize - usize::from(name.is_package);
    parts.truncate(parts.len().saturating_sub(drop));
    parts.extend(module.into_iter().flat_map(|module| module.split('.')));
    parts.join(".")
}

/// `_Class__name`, for a private name in a class.
pub(crate) fn mangle(class: &str, name: &str) -> String {
    let class = class.rsplit('.').next().unwrap_or(class);
    let class = class.trim_start_matches('_');
    if class.is_empty() || !name.starts_with("__") || name.ends_with("__") {
        return name.to_owned();
    }
    format!("_{class}{name}")
}

/// The last identifier of a dotted name, for recognising typing constructs.
fn last_identifier(expr: &ast::Expr) -> Option<&str> {
    match expr {
        ast::Expr::Name(name) => Some(name.id.as_str()),
        ast::Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}
