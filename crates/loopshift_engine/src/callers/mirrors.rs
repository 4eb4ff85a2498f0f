//! What the program finds in itself by reflection: `vars(job)`, `f.__closure__`, `eval(text)`. What comes out of these is not
//! followed, and may be called.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::handed::{Held, is_error};
use crate::change::{FileId, Place};
use crate::flow::value::Value;
use crate::flow::{Attributes, Flow, MroEntry, Target};
use crate::ir::{Arg, Call, ClassId, FuncId, FunctionKind, Node, Sym};
use crate::program::Program;

/// What makes a function look like another one, which it keeps.
const WRAPPING: &[&str] = &[
    "functools.cache",
    "functools.lru_cache",
    "functools.update_wrapper",
    "functools.wraps",
];

/// Why a function may be called in a way that is not followed, in words for the user.
pub(super) type Found = BTreeMap<FuncId, String>;

/// The calls by which values show what they are made of, or names and texts become values.
const SHOWING: &[&str] = &[
    "<builtin>.eval",
    "<builtin>.exec",
    "<builtin>.locals",
    "<builtin>.type",
    "<builtin>.vars",
    "attr.asdict",
    "attrs.asdict",
    "dataclasses.asdict",
    "dataclasses.astuple",
    "sys.modules.get",
    "sys.modules.items",
    "sys.modules.values",
];

/// The functions that the program may find in itself, and the classes whose objects it may.
pub(super) fn mirrored(program: &Program<'_>) -> (Found, BTreeSet<ClassId>) {
    let symbols = &program.flow.linked.symbols;
    let mut out = Mirrors {
        program,
        attributes: OnceCell::new(),
        found: Found::new(),
        lost: BTreeSet::new(),
        read: FxHashSet::default(),
        opened: FxHashSet::default(),
        held: Held::default(),
        wide: Wide::default(),
    };
    out.read_loads();
    out.read_modules();
    let showing = SHOWING
        .iter()
        .filter_map(|name| Some((symbols.find(name)?, *name)));
    let showing: FxHashMap<Sym, &str> = showing.collect();
    if !showing.is_empty() {
        for (file, call) in program.calls() {
            for target in program.callees(call) {
                if let Target::External(sym) = target
                    && let Some(api) = showing.get(sym)
                {
                    out.read_call(file, call, api);
                }
            }
        }
    }
    out.spread();
    (out.found, out.lost)
}

struct Mirrors<'m, 'p> {
    program: &'m Program<'p>,
    /// Made where it is asked for.
    attributes: OnceCell<Attributes>,
    found: Found,
    /// The classes of objects that may be found.
    lost: BTreeSet<ClassId>,
    /// What was looked at already: programs ask the same values again and again.
    read: FxHashSet<Node>,
    opened: FxHashSet<Value>,
    held: Held,
    wide: Wide<'m>,
}

/// What is found by going over the whole program, which is done once for all of it: each with how, where it was met first.
#[derive(Default)]
struct Wide<'m> {
    /// All functions.
    all: Option<String>,
    /// Those of a file.
    files: BTreeMap<FileId, String>,
    /// Those with a name.
    words: FxHashMap<&'m str, String>,
    /// What errors are made with.
    errors: Option<String>,
    /// What wrappers are given.
    wrapped: Option<String>,
}

impl Mirrors<'_, '_> {
    /// Attributes by which values show what they are made of.
    fn read_loads(&mut self) {
        let flow = &self.program.flow;
        let names = ["__dict__", "__wrapped__", "__closure__", "__globals__"];
        let frames = ["f_globals", "f_locals"];
        let others = ["args", "keywords", "_asdict", "__get__"];
        let all = names.iter().chain(&frames).chain(&others);
        let known: Vec<_> = all
            .filter_map(|name| flow.linked.symbols.find(name))
            .collect();
        if known.is_empty() {
            return;
        }
        let loads = flow.linked.loads.iter();
        let loads: Vec<_> = loads.filter(|it| known.contains(&it.attr)).collect();
        let places = self.places(loads.iter().map(|load| (load.to, load.owner)));
        for load in loads {
            let attr = flow.text(load.attr);
            let how = self.place_of(&places, attr, load.to, load.owner);
            match attr {
                "__dict__" => self.attributes(load.base, &how),
                "f_globals" | "f_locals" => {
                    self.wide.all.get_or_insert(how);
                }
                "args" => {
                    // What is caught is not always known.
                    self.wide.errors.get_or_insert_with(|| how.clone());
                    self.shown(load.base, attr, &how);
                }
                _ => self.shown(load.base, attr, &how),
            }
        }
    }

    /// `sys.modules[name]` with a name that is not known.
    fn read_modules(&mut self) {
        let flow = &self.program.flow;
        let Some(modules) = flow.linked.symbols.find("sys.modules") else {
            return;
        };
        let is_it = |value| value == Value::External(modules);
        let reads = flow.linked.subscripts.iter().filter(|it| !it.store);
        let reads = reads.filter(|read| flow.values_of(read.base).any(is_it));
        let reads: Vec<_> = reads.collect();
        let places = self.places(reads.iter().map(|read| (read.value, read.owner)));
        for read in reads {
            let mut values = flow.values_of(read.value).peekable();
            if values.peek().is_none() || values.any(|it| matches!(it, Value::Unknown(_))) {
                let how = self.place_of(&places, "sys.modules", read.value, read.owner);
                self.wide.all.get_or_insert(how);
            }
        }
    }

    /// What an attribute shows of a function, a `partial`, a tuple or an error.
    fn shown(&mut self, base: Node, attr: &str, how: &str) {
        let flow = &self.program.flow;
        for value in flow.values_of(base) {
            match (attr, value) {
                ("__closure__" | "__globals__", value) => {
                    if let Some(func) = value.function() {
                        self.file(self.program.function_file(func), how);
                    }
                }
                ("__wrapped__", value) if value.function().is_some() => {
                    self.wide.wrapped.get_or_insert_with(|| how.to_owned());
                }
                ("__get__", value) => self.add(value, how),
                ("args" | "keywords", Value::Partial(made)) => {
                    let args = &flow.linked.calls[made.0 as usize].args;
                    self.nodes(given(args), how);
                }
                ("_asdict", value) => self.fields(value, how),
                _ => {}
            }
        }
    }

    fn read_call(&mut self, file: FileId, call: &Call, api: &str) {
        let place = Place {
            file,
            range: call.range,
        };
        let how = || {
            let path = &self.program.file(file).path;
            let name = api.strip_prefix("<builtin>.").unwrap_or(api);
            format!("`{name}` at line {} of {path}", self.program.line(place))
        };
        let first = call.args.first().map_or(Node::NONE, |arg| arg.node);
        match api {
            "<builtin>.vars" | "<builtin>.locals" => self.attributes(first, &how()),
            "sys.modules.get" if self.names_others(first) => {}
            "sys.modules.get" | "sys.modules.items" | "sys.modules.values" => {
                self.wide.all.get_or_insert_with(how);
            }
            "<builtin>.eval" | "<builtin>.exec" => self.evaluated(file, call, &how()),
            // The names and contents of a class.
            "<builtin>.type" if call.args.len() == 3 => {
                self.nodes(given(&call.args), &how());
            }
            "dataclasses.asdict" | "dataclasses.astuple" | "attr.asdict" | "attrs.asdict" => {
                let how = how();
                for value in self.program.flow.values_of(first) {
                    self.fields(value, &how);
                }
            }
            _ => {}
        }
    }

    /// Whether a node holds the names of modules outside of the program, and nothing else.
    fn names_others(&self, node: Node) -> bool {
        let flow = &self.program.flow;
        let mut names = flow.values_of(node).peekable();
        let is_other =
            |value| matches!(value, Value::Str(name) if flow.linked.module(name).is_none());
        names.peek().is_some() && names.all(is_other)
    }

    /// Code in a text: what it names, or all of the module where the text is not known.
    fn evaluated(&mut self, file: FileId, call: &Call, how: &str) {
        let flow = &self.program.flow;
        self.nodes(given(&call.args), how);
        let Some(text) = call.args.first() else {
            return;
        };
        // What it may name stands in the dict that it is given.
        if call.args.len() > 1 && !self.sees_module(call) {
            return;
        }
        let mut texts = flow.values_of(text.node).peekable();
        let is_known = texts.peek().is_some();
        let texts: Option<Vec<&str>> = texts
            .map(|value| match value {
                Value::Str(sym) => Some(flow.text(sym)),
                _ => None,
            })
            .collect();
        let Some(texts) = texts.filter(|_| is_known) else {
            self.file(file, how);
            return;
        };
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let words = (texts.iter()).flat_map(|text| text.split(|c| !is_word(c)));
        for word in words {
            let how = || how.to_owned();
            self.wide.words.entry(word).or_insert_with(how);
        }
    }

    /// Whether code in a text sees the names of a module: where it is given them, or nothing but the text is given.
    fn sees_module(&self, call: &Call) -> bool {
        let flow = &self.program.flow;
        let mut seen = (call.args.iter().skip(1)).flat_map(|arg| flow.values_of(arg.node));
        seen.any(|value| match value {
            Value::Module(_) => true,
            // The variables around the call, which it sees then, too.
            Value::Container(id) => flow.linked.containers[id.0 as usize].range == call.range,
            _ => false,
        })
    }

    /// What the objects, classes or modules of a node have as attributes.
    fn attributes(&mut self, base: Node, how: &str) {
        for value in self.program.flow.values_of(base) {
            self.fields(value, how);
            match value {
                Value::Class(class) => {
                    let attrs = self.program.class(class).1.attrs.iter();
                    self.nodes(attrs.map(|(_, node)| *node), how);
                }
                Value::Module(file) => self.file(FileId(file), how),
                _ => {}
            }
        }
    }

    /// What the program sets as attributes of a value.
    fn fields(&mut self, value: Value, how: &str) {
        if !self.opened.insert(value) {
            return;
        }
        let flow = &self.program.flow;
        let attributes = self.attributes.get_or_init(|| Attributes::new(flow));
        let nodes = attributes.of(flow, value);
        self.nodes(nodes, how);
    }

    /// All functions of a file.
    fn file(&mut self, file: FileId, how: &str) {
        let how = || how.to_owned();
        self.wide.files.entry(file).or_insert_with(how);
    }

    fn nodes(&mut self, nodes: impl IntoIterator<Item = Node>, how: &str) {
        let flow = &self.program.flow;
        for node in nodes {
            if !self.read.insert(node) {
                continue;
            }
            for value in flow.values_of(node) {
                match value {
                    Value::Container(container) => self.held.within(flow, container),
                    Value::Instance(class) => {
                        self.lost.insert(class);
                    }
                    other => self.add(other, how),
                }
            }
        }
        self.lost.append(&mut self.held.classes);
        for func in std::mem::take(&mut self.held.functions) {
            self.mark(func, how);
        }
    }

    /// Goes over the whole program for what can be anywhere in it.
    fn spread(&mut self) {
        let flow = &self.program.flow;
        let Wide {
            all,
            files,
            words,
            errors,
            wrapped,
        } = std::mem::take(&mut self.wide);
        if errors.is_some() || wrapped.is_some() {
            for (_, call) in self.program.calls() {
                let is_met = |is_it: &dyn Fn(Value) -> bool| flow.values_of(call.callee).any(is_it);
                if let Some(how) = &errors
                    && is_met(&|value| is_of_errors(flow, value))
                {
                    self.nodes(given(&call.args), how);
                }
                if let Some(how) = &wrapped
                    && is_met(&|value| is_wrapper(flow, value))
                {
                    self.nodes(given(&call.args), how);
                }
            }
        }
        if all.is_none() && files.is_empty() && words.is_empty() {
            return;
        }
        let how = |file: FileId, name: &str| {
            let of_file = || files.get(&file).or_else(|| words.get(name));
            all.as_ref().or_else(of_file)
        };
        for func in self.program.functions() {
            let function = self.program.function(func);
            if function.kind != FunctionKind::Module
                && let Some(how) = how(self.program.function_file(func), function.name())
            {
                self.mark(func, how);
            }
        }
        for (class, file, name) in classes(self.program) {
            if how(file, name).is_some() {
                self.lost.insert(class);
            }
        }
    }

    fn add(&mut self, value: Value, how: &str) {
        let func = match value {
            Value::Static(func) | Value::ClassMethod(func) => Some(func),
            other => other.function(),
        };
        if let Some(func) = func {
            self.mark(func, how);
        }
    }

    fn mark(&mut self, func: FuncId, how: &str) {
        let reason = || {
            format!("it may be found through {how}, and what is called from there is not followed")
        };
        self.found.entry(func).or_insert_with(reason);
    }

    /// Where expressions stand in the text, each given with the function around it.
    fn places(&self, exprs: impl Iterator<Item = (Node, FuncId)>) -> FxHashMap<Node, Place> {
        let (nodes, owners): (FxHashSet<Node>, BTreeSet<FuncId>) = exprs.unzip();
        let owners = owners.into_iter().filter(|owner| *owner != FuncId::NONE);
        let files: BTreeSet<FileId> = owners.map(|it| self.program.function_file(it)).collect();
        let mut places = FxHashMap::default();
        for file in files {
            let exprs = &self.program.flow.linked.modules[file.0 as usize].exprs;
            for (range, node) in exprs.iter().filter(|(_, node)| nodes.contains(node)) {
                let range = *range;
                places.entry(*node).or_insert(Place { file, range });
            }
        }
        places
    }

    /// What is read in an expression, and where that stands: its line, or the function around it where that is not known.
    fn place_of(
        &self,
        places: &FxHashMap<Node, Place>,
        what: &str,
        expr: Node,
        owner: FuncId,
    ) -> String {
        let Some(place) = places.get(&expr) else {
            return format!("`{what}` in {}", self.whose(owner));
        };
        let path = &self.program.file(place.file).path;
        format!("`{what}` at line {} of {path}", self.program.line(*place))
    }

    fn whose(&self, owner: FuncId) -> String {
        if owner == FuncId::NONE {
            return "the program".to_owned();
        }
        let path = &self.program.file(self.program.function_file(owner)).path;
        match self.program.function(owner).kind {
            FunctionKind::Module => path.clone(),
            _ => format!("`{}` of {path}", self.program.function(owner).qualname),
        }
    }
}

/// Whether it is an error of the language, an object of one, or the like of a class of ours.
fn is_of_errors(flow: &Flow<'_>, value: Value) -> bool {
    match value {
        Value::External(sym) | Value::Object(sym, _) => is_error(flow.text(sym)),
        Value::Class(class) | Value::Instance(class) => {
            let bases = flow.mro.get(class.0 as usize);
            bases.into_iter().flatten().any(|entry| match entry {
                MroEntry::External(sym) => is_error(flow.text(*sym)),
                MroEntry::Class(_) => false,
            })
        }
        _ => false,
    }
}

/// Whether it is what makes a function look like another one.
fn is_wrapper(flow: &Flow<'_>, value: Value) -> bool {
    matches!(value, Value::External(sym) if WRAPPING.contains(&flow.text(sym)))
}

fn given(args: &[Arg]) -> impl Iterator<Item = Node> {
    args.iter().map(|arg| arg.node)
}

/// The classes of the program, with their files and last names.
fn classes<'p>(program: &'p Program<'_>) -> impl Iterator<Item = (ClassId, FileId, &'p str)> {
    let linked = &program.flow.linked;
    let classes = linked.classes.iter().zip(&linked.class_files).enumerate();
    classes.map(|(index, (class, file))| {
        let id = ClassId(u32::try_from(index).unwrap_or(u32::MAX));
        let name = class.qualname.rsplit('.').next().unwrap_or_default();
        (id, *file, name)
    })
}
