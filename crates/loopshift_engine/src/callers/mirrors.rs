//! What the program finds in itself by reflection: `vars(job)`, `f.__closure__`, `eval(text)`. What comes out of these is not
//! followed, and may be called.

use std::collections::{BTreeMap, BTreeSet};

use super::handed::{Held, is_error};
use crate::change::{FileId, Place};
use crate::flow::value::Value;
use crate::flow::{Flow, MroEntry, Target};
use crate::ir::{Arg, Call, ClassId, FuncId, FunctionKind, Node};
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

/// The functions that the program may find in itself, and the classes whose objects it may.
pub(super) fn mirrored(program: &Program<'_>) -> (Found, BTreeSet<ClassId>) {
    let mut out = Mirrors {
        program,
        found: Found::new(),
        lost: BTreeSet::new(),
    };
    out.read_loads();
    out.read_modules();
    for (file, call) in program.calls() {
        for target in program.callees(call) {
            if let Target::External(sym) = target {
                out.read_call(file, call, program.flow.text(*sym));
            }
        }
    }
    (out.found, out.lost)
}

struct Mirrors<'m, 'p> {
    program: &'m Program<'p>,
    found: Found,
    /// The classes of objects that may be found.
    lost: BTreeSet<ClassId>,
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
        for load in loads.filter(|load| known.contains(&load.attr)) {
            let attr = flow.text(load.attr);
            let how = format!("`{attr}` in {}", self.whose(load.owner));
            match attr {
                "__dict__" => self.attributes(load.base, &how),
                "f_globals" | "f_locals" => self.everything(None, &how),
                "args" => {
                    // What is caught is not always known.
                    self.given_to(&how, |value| is_of_errors(flow, value));
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
        for read in reads.filter(|read| flow.values_of(read.base).any(is_it)) {
            let mut values = flow.values_of(read.value).peekable();
            if values.peek().is_none() || values.any(|it| matches!(it, Value::Unknown(_))) {
                let how = format!("`sys.modules` in {}", self.whose(read.owner));
                self.everything(None, &how);
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
                        self.everything(Some(self.program.function_file(func)), how);
                    }
                }
                ("__wrapped__", value) if value.function().is_some() => {
                    self.given_to(how, |value| match value {
                        Value::External(sym) => WRAPPING.contains(&flow.text(sym)),
                        _ => false,
                    });
                }
                ("__get__", value) => self.add(value, how),
                ("args" | "keywords", Value::Partial(made)) => {
                    let args = &flow.linked.calls[made.0 as usize].args;
                    self.nodes(given(args), how);
                }
                ("_asdict", value) => self.nodes(flow.attributes_of(value), how),
                _ => {}
            }
        }
    }

    /// What is given to calls of some kind.
    fn given_to(&mut self, how: &str, is_it: impl Fn(Value) -> bool) {
        for (_, call) in self.program.calls() {
            if self.program.flow.values_of(call.callee).any(&is_it) {
                self.nodes(given(&call.args), how);
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
                self.everything(None, &how());
            }
            "<builtin>.eval" | "<builtin>.exec" => self.evaluated(file, call, &how()),
            // The names and contents of a class.
            "<builtin>.type" if call.args.len() == 3 => {
                self.nodes(given(&call.args), &how());
            }
            "dataclasses.asdict" | "dataclasses.astuple" | "attr.asdict" | "attrs.asdict" => {
                let how = how();
                for value in self.program.flow.values_of(first) {
                    self.nodes(self.program.flow.attributes_of(value), &how);
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
            self.everything(Some(file), how);
            return;
        };
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let words: Vec<&str> = texts
            .iter()
            .flat_map(|text| text.split(|c| !is_word(c)))
            .collect();
        for func in self.program.functions() {
            if words.contains(&self.program.function(func).name()) {
                self.mark(func, how);
            }
        }
        for (class, _, name) in classes(self.program) {
            if words.contains(&name) {
                self.lost.insert(class);
            }
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
        let flow = &self.program.flow;
        for value in flow.values_of(base) {
            self.nodes(flow.attributes_of(value), how);
            match value {
                Value::Class(class) => {
                    let attrs = self.program.class(class).1.attrs.iter();
                    self.nodes(attrs.map(|(_, node)| *node).collect(), how);
                }
                Value::Module(file) => self.everything(Some(FileId(file)), how),
                _ => {}
            }
        }
    }

    /// All functions of a file, or of all.
    fn everything(&mut self, file: Option<FileId>, how: &str) {
        for func in self.program.functions() {
            let is_in = file.is_none_or(|file| self.program.function_file(func) == file);
            if is_in && self.program.function(func).kind != FunctionKind::Module {
                self.mark(func, how);
            }
        }
        for (class, of, _) in classes(self.program) {
            if file.is_none_or(|file| of == file) {
                self.lost.insert(class);
            }
        }
    }

    fn nodes(&mut self, nodes: Vec<Node>, how: &str) {
        let flow = &self.program.flow;
        let mut held = Held::default();
        for value in nodes.into_iter().flat_map(|node| flow.values_of(node)) {
            match value {
                Value::Container(container) => held.within(flow, container),
                Value::Instance(class) => {
                    self.lost.insert(class);
                }
                other => self.add(other, how),
            }
        }
        self.lost.extend(held.classes);
        for func in held.functions {
            self.mark(func, how);
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

fn given(args: &[Arg]) -> Vec<Node> {
    args.iter().map(|arg| arg.node).collect()
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
