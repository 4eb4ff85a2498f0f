//! From the facts of single modules to those of the program: one numbering, one table of names.

mod siblings;

use loopshift_python::TextRange;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::change::FileId;
use crate::ir::{
    Annotation, Arg, ArgKind, Call, Class, ClassId, Constant, Container, ContainerId, FuncId,
    Function, Import, Key, Load, ModuleIr, Narrow, Node, ParamKind, Protocol, ProtocolKind, Store,
    Subscript, Sym,
};
use crate::lower::{ModuleName, absolute};

/// A module of the program.
#[derive(Debug)]
pub struct Module {
    /// The dotted name.
    pub name: String,
    /// An `__init__.py`.
    pub is_package: bool,
    /// The module body's function.
    pub body: FuncId,
    /// Module variables.
    pub globals: FxHashMap<Sym, Node>,
    /// Modules it star-imports.
    pub stars: Vec<Sym>,
    /// `__all__`.
    pub all: Option<Vec<Sym>>,
    /// Expressions with their nodes, by range.
    pub exprs: Vec<(TextRange, Node)>,
    /// The first node after the module's own.
    pub node_end: u32,
    /// The first node.
    pub node_base: u32,
}

/// The facts of the program, in one numbering.
#[derive(Debug, Default)]
pub struct Linked {
    /// The modules, by file.
    pub modules: Vec<Module>,
    /// Modules by name.
    pub by_name: FxHashMap<Sym, FileId>,
    /// Names of directories that hold modules but are none themselves.
    pub namespaces: FxHashSet<Sym>,
    /// All strings.
    pub symbols: Symbols,
    /// How many nodes there are.
    pub nodes: u32,
    /// See [`ModuleIr`].
    pub copies: Vec<(Node, Node)>,
    /// See [`ModuleIr`].
    pub constants: Vec<(Node, Constant)>,
    /// See [`ModuleIr`].
    pub loads: Vec<Load>,
    /// See [`ModuleIr`].
    pub stores: Vec<Store>,
    /// Calls with their files.
    pub calls: Vec<Call>,
    /// The file of each call.
    pub call_files: Vec<FileId>,
    /// See [`ModuleIr`].
    pub subscripts: Vec<Subscript>,
    /// See [`ModuleIr`].
    pub protocols: Vec<Protocol>,
    /// See [`ModuleIr`].
    pub annotations: Vec<(Node, Annotation)>,
    /// See [`ModuleIr`].
    pub narrows: Vec<Narrow>,
    /// Functions.
    pub functions: Vec<Function>,
    /// The file of each function.
    pub func_files: Vec<FileId>,
    /// Classes.
    pub classes: Vec<Class>,
    /// The file of each class.
    pub class_files: Vec<FileId>,
    /// The functions in the body of each class.
    pub methods: Vec<Vec<FuncId>>,
    /// Containers.
    pub containers: Vec<Container>,
    /// Unresolved names, with their file.
    pub free: Vec<(FileId, Sym, Node)>,
    /// Imports, with their file.
    pub imports: Vec<(FileId, Import)>,
}

/// Strings by number.
#[derive(Debug, Default)]
pub struct Symbols {
    list: Vec<Box<str>>,
    ids: FxHashMap<Box<str>, Sym>,
}

impl Symbols {
    /// The number of a string.
    pub fn sym(&mut self, text: &str) -> Sym {
        if let Some(sym) = self.ids.get(text) {
            return *sym;
        }
        let sym = Sym(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(text.into());
        self.ids.insert(text.into(), sym);
        sym
    }

    /// The string of a number.
    #[inline]
    pub fn text(&self, sym: Sym) -> &str {
        &self.list[sym.0 as usize]
    }

    /// All strings, by their numbers.
    pub fn texts(&self) -> &[Box<str>] {
        &self.list
    }

    /// The number of a string that may not be there.
    pub fn find(&self, text: &str) -> Option<Sym> {
        self.ids.get(text).copied()
    }
}

/// A module before linking.
#[derive(Debug)]
pub struct Unlinked {
    /// The dotted name.
    pub name: String,
    /// An `__init__.py`.
    pub is_package: bool,
    /// Its facts.
    pub ir: ModuleIr,
}

/// Links the modules in the order given; file numbers follow it.
pub fn link(modules: Vec<Unlinked>) -> Linked {
    let mut linked = Linked::default();
    linked.reserve(&modules);
    for module in modules {
        linked.add(module);
    }
    linked.methods = vec![Vec::new(); linked.classes.len()];
    for (id, function) in (0..).zip(&linked.functions) {
        if let Some(class) = function.class {
            linked.methods[class.0 as usize].push(FuncId(id));
        }
    }
    let names: Vec<String> = linked
        .modules
        .iter()
        .map(|module| module.name.clone())
        .collect();
    for (index, name) in names.iter().enumerate() {
        let sym = linked.symbols.sym(name);
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        linked.by_name.entry(sym).or_insert(file);
        let mut prefix = name.as_str();
        while let Some((parent, _)) = prefix.rsplit_once('.') {
            let sym = linked.symbols.sym(parent);
            linked.namespaces.insert(sym);
            prefix = parent;
        }
    }
    siblings::find(&mut linked);
    linked
}

struct Offsets<'a> {
    node: u32,
    func: u32,
    class: u32,
    container: u32,
    syms: &'a [Sym],
}

impl Offsets<'_> {
    fn node(&self, node: Node) -> Node {
        if node.is_some() {
            Node(node.0 + self.node)
        } else {
            node
        }
    }
    fn func(&self, func: FuncId) -> FuncId {
        if func == FuncId::NONE {
            func
        } else {
            FuncId(func.0 + self.func)
        }
    }
    fn class(&self, class: ClassId) -> ClassId {
        ClassId(class.0 + self.class)
    }
    fn container(&self, container: ContainerId) -> ContainerId {
        ContainerId(container.0 + self.container)
    }
    fn sym(&self, sym: Sym) -> Sym {
        self.syms[sym.0 as usize]
    }
    fn key(&self, key: Key) -> Key {
        match key {
            Key::Str(sym) => Key::Str(self.sym(sym)),
            other => other,
        }
    }
    fn constant(&self, constant: Constant) -> Constant {
        match constant {
            Constant::Func(func) => Constant::Func(self.func(func)),
            Constant::Class(class) => Constant::Class(self.class(class)),
            Constant::Container(container) => Constant::Container(self.container(container)),
            Constant::Str(sym) => Constant::Str(self.sym(sym)),
            Constant::Start(sym) => Constant::Start(self.sym(sym)),
            Constant::Builtin(sym) => Constant::Builtin(self.sym(sym)),
            other => other,
        }
    }
    fn annotation(&self, annotation: Annotation) -> Annotation {
        match annotation {
            Annotation::Instance(node) => Annotation::Instance(self.node(node)),
            Annotation::Class(node) => Annotation::Class(self.node(node)),
            Annotation::Union(parts) => Annotation::Union(
                parts
                    .into_iter()
                    .map(|part| self.annotation(part))
                    .collect(),
            ),
            Annotation::Container(kind, element) => {
                Annotation::Container(self.sym(kind), Box::new(self.annotation(*element)))
            }
            Annotation::Unknown => Annotation::Unknown,
        }
    }
    fn arg(&self, arg: Arg) -> Arg {
        let kind = match arg.kind {
            ArgKind::Keyword(sym) => ArgKind::Keyword(self.sym(sym)),
            other => other,
        };
        Arg {
            kind,
            node: self.node(arg.node),
        }
    }
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

impl Linked {
    /// Makes room for all modules at once: growing step by step would need twice the memory.
    fn reserve(&mut self, modules: &[Unlinked]) {
        let total = |count: fn(&ModuleIr) -> usize| -> usize {
            modules.iter().map(|module| count(&module.ir)).sum()
        };
        self.copies.reserve_exact(total(|ir| ir.copies.len()));
        self.constants.reserve_exact(total(|ir| ir.constants.len()));
        self.loads.reserve_exact(total(|ir| ir.loads.len()));
        self.stores.reserve_exact(total(|ir| ir.stores.len()));
        self.calls.reserve_exact(total(|ir| ir.calls.len()));
        self.call_files.reserve_exact(total(|ir| ir.calls.len()));
        self.subscripts
            .reserve_exact(total(|ir| ir.subscripts.len()));
        self.protocols.reserve_exact(total(|ir| ir.protocols.len()));
        self.narrows.reserve_exact(total(|ir| ir.narrows.len()));
        self.functions.reserve_exact(total(|ir| ir.functions.len()));
        self.containers
            .reserve_exact(total(|ir| ir.containers.len()));
        self.free.reserve_exact(total(|ir| ir.free.len()));
        self.imports.reserve_exact(total(|ir| ir.imports.len()));
    }

    fn add(&mut self, module: Unlinked) {
        let Unlinked {
            name,
            is_package,
            ir,
        } = module;
        let file = FileId(count(&self.modules));
        let syms: Vec<Sym> = ir
            .symbols
            .iter()
            .map(|text| self.symbols.sym(text))
            .collect();
        let o = Offsets {
            node: self.nodes,
            func: count(&self.functions),
            class: count(&self.classes),
            container: count(&self.containers),
            syms: &syms,
        };
        self.copies.extend(
            ir.copies
                .iter()
                .map(|(from, to)| (o.node(*from), o.node(*to))),
        );
        self.constants.extend(
            ir.constants
                .iter()
                .map(|(node, c)| (o.node(*node), o.constant(*c))),
        );
        self.loads.extend(ir.loads.iter().map(|load| Load {
            base: o.node(load.base),
            attr: o.sym(load.attr),
            to: o.node(load.to),
            owner: o.func(load.owner),
        }));
        self.stores.extend(ir.stores.iter().map(|store| Store {
            base: o.node(store.base),
            attr: o.sym(store.attr),
            from: o.node(store.from),
            owner: o.func(store.owner),
            class: store.class.map(|class| o.class(class)),
        }));
        self.call_files
            .extend(std::iter::repeat_n(file, ir.calls.len()));
        self.calls.extend(ir.calls.into_iter().map(|call| {
            Call {
                range: call.range,
                owner: o.func(call.owner),
                callee: o.node(call.callee),
                args: call.args.iter().map(|arg| o.arg(*arg)).collect(),
                result: o.node(call.result),
                form: call.form,
                method: call
                    .method
                    .map(|(class, node)| (o.class(class), o.node(node))),
            }
        }));
        self.subscripts
            .extend(ir.subscripts.iter().map(|subscript| Subscript {
                base: o.node(subscript.base),
                key: o.key(subscript.key),
                key_node: o.node(subscript.key_node),
                value: o.node(subscript.value),
                store: subscript.store,
                owner: o.func(subscript.owner),
            }));
        self.protocols
            .extend(ir.protocols.iter().map(|protocol| Protocol {
                kind: match protocol.kind {
                    ProtocolKind::Method(sym) => ProtocolKind::Method(o.sym(sym)),
                    ProtocolKind::Binary(left, right) => {
                        ProtocolKind::Binary(o.sym(left), o.sym(right))
                    }
                    other => other,
                },
                base: o.node(protocol.base),
                arg: o.node(protocol.arg),
                to: o.node(protocol.to),
                owner: o.func(protocol.owner),
                range: protocol.range,
            }));
        self.annotations.extend(
            ir.annotations
                .into_iter()
                .map(|(node, a)| (o.node(node), o.annotation(a))),
        );
        self.narrows.extend(ir.narrows.iter().map(|narrow| Narrow {
            subject: o.node(narrow.subject),
            class: o.node(narrow.class),
            to: o.node(narrow.to),
            negated: narrow.negated,
        }));
        self.free.extend(
            ir.free
                .iter()
                .map(|(sym, node)| (file, o.sym(*sym), o.node(*node))),
        );
        self.imports.extend(ir.imports.iter().map(|import| {
            let import = Import {
                module: o.sym(import.module),
                name: import.name.map(|name| o.sym(name)),
                to: o.node(import.to),
                range: import.range,
            };
            (file, import)
        }));
        self.func_files
            .extend(std::iter::repeat_n(file, ir.functions.len()));
        let body = FuncId(o.func);
        let functions = ir.functions.into_iter().map(|mut function| {
            function.parent = o.func(function.parent);
            function.class = function.class.map(|class| o.class(class));
            function.ret = o.node(function.ret);
            function.yields = o.node(function.yields);
            function.sends = o.node(function.sends);
            if let Some(choice) = &mut function.choice {
                choice.given = o.node(choice.given);
                choice.absent = o.node(choice.absent);
            }
            for param in &mut function.params {
                param.name = o.sym(param.name);
                param.node = o.node(param.node);
                param.default = o.node(param.default);
                param.kind = match param.kind {
                    ParamKind::Star(container) => ParamKind::Star(o.container(container)),
                    ParamKind::DoubleStar(container) => {
                        ParamKind::DoubleStar(o.container(container))
                    }
                    other => other,
                };
            }
            function
        });
        self.functions.extend(functions);
        self.class_files
            .extend(std::iter::repeat_n(file, ir.classes.len()));
        let classes = ir.classes.into_iter().map(|mut class| {
            class
                .bases
                .iter_mut()
                .for_each(|base| *base = o.node(*base));
            class.parent = o.func(class.parent);
            let lists = [&mut class.attrs, &mut class.fields, &mut class.keywords];
            for (sym, node) in lists.into_iter().flatten() {
                *sym = o.sym(*sym);
                *node = o.node(*node);
            }
            class
        });
        self.classes.extend(classes);
        let containers = ir.containers.into_iter().map(|mut container| {
            container.elements = o.node(container.elements);
            container.keys = o.node(container.keys);
            for (key, node) in &mut container.items {
                *key = o.key(*key);
                *node = o.node(*node);
            }
            container
        });
        self.containers.extend(containers);
        let mut exprs = ir.exprs;
        for (_, node) in &mut exprs {
            *node = o.node(*node);
        }
        exprs.shrink_to_fit();
        let node_base = self.nodes;
        let node_end = self.nodes + ir.nodes;
        self.modules.push(Module {
            name,
            is_package,
            body,
            globals: ir
                .globals
                .iter()
                .map(|(sym, node)| (o.sym(*sym), o.node(*node)))
                .collect(),
            stars: ir.stars.iter().map(|sym| o.sym(*sym)).collect(),
            all: ir
                .all
                .map(|all| all.iter().map(|sym| o.sym(*sym)).collect()),
            exprs,
            node_end,
            node_base,
        });
        self.nodes = node_end;
    }

    /// The file of the module with this dotted name.
    pub fn module(&self, name: Sym) -> Option<FileId> {
        self.by_name.get(&name).copied()
    }

    /// The same, by a text.
    pub fn module_named(&self, name: &str) -> Option<FileId> {
        self.module(self.symbols.find(name)?)
    }

    /// The file of the module that an import in a file names, with so many dots before the name.
    pub fn imported(&self, file: FileId, name: Option<&str>, level: u32) -> Option<FileId> {
        let module = &self.modules[file.0 as usize];
        let from = ModuleName {
            name: &module.name,
            is_package: module.is_package,
        };
        self.module(self.symbols.find(&absolute(from, name, level))?)
    }
}
