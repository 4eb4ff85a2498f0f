//! Builtins that look at what they are given: each value is dealt with when it comes up.

use super::value::{CallId, Value, ValueId};
use super::{Constraint, Flow, MroEntry};
use crate::ir::{ArgKind, ClassId, FuncId, Node, Reason, Store, Sym};

/// What makes descriptors and passes functions on: followed before anything else is called.
pub(super) const DESCRIPTORS: &[&str] = &[
    "<builtin>.property",
    "<builtin>.staticmethod",
    "<builtin>.classmethod",
    "abc.abstractmethod",
    "functools.cached_property",
    "typing.overload",
];

/// Which builtin was given the value, and what it is to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Given {
    /// `staticmethod(f)`.
    Static,
    /// `classmethod(f)`.
    ClassMethod,
    /// `contextmanager(f)`.
    Manager,
    /// `super(C, x)`, either.
    Super,
    /// `type(x)`.
    Type,
    /// The name in `getattr(x, name)`.
    GetAttr,
    /// The object in `getattr(x, name)`, where the name begins so.
    GetSome(Sym),
    /// The name in `setattr(x, name, value)`.
    SetAttr,
    /// `types.MethodType(f, x)`, either.
    Method,
    /// `importlib.import_module(name)`.
    Import,
    /// The class in `object.__new__(C)`.
    New,
    /// The metaclass in `type.__new__(M, …)`.
    NewClass,
    /// The argument of `iter(x)`, whose items the node has.
    Iter(Node),
    /// An argument of `print` or `str.format`.
    Text,
    /// What `functools.singledispatch` makes a function that others are registered with.
    Dispatch,
    /// What is given to its `register`.
    Registered,
}

impl Given {
    /// Whether it matters before classes are known.
    pub(super) fn is_early(self) -> bool {
        matches!(self, Given::Static | Given::ClassMethod)
    }
}

impl Flow<'_> {
    /// Waits for the values of an argument.
    pub(super) fn wait(&mut self, given: Given, index: u32, node: Node) {
        self.constrain(node, Constraint::Given(given, index));
    }

    /// The names of an object's class, or of a module, that begin so.
    fn names_of(&self, value: Value, start: Sym) -> Vec<Sym> {
        let start = self.text(start);
        let begins = |name: &Sym| {
            let name = self.text(*name);
            name.starts_with(start) && (!start.is_empty() || !name.starts_with("__"))
        };
        let mut names: Vec<Sym> = match value {
            Value::Instance(class) | Value::Class(class) => self.mro[class.0 as usize]
                .iter()
                .filter_map(|entry| match entry {
                    MroEntry::Class(class) => Some(&self.linked.classes[class.0 as usize].attrs),
                    MroEntry::External(_) => None,
                })
                .flatten()
                .map(|(name, _)| *name)
                .filter(begins)
                .collect(),
            Value::Module(file) => {
                let globals = &self.linked.modules[file as usize].globals;
                globals.keys().copied().filter(begins).collect()
            }
            _ => Vec::new(),
        };
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What `getattr` gives for a name that is not known is called: it may be any attribute.
    pub(super) fn any_attribute(&mut self, index: u32) {
        let any = self.sym("");
        self.wait(Given::GetSome(any), index, self.argument_at(index, 0));
    }

    /// The node of the positional argument at a place.
    fn argument_at(&self, index: u32, place: usize) -> Node {
        self.linked.calls[index as usize]
            .args
            .iter()
            .filter(|arg| arg.kind == ArgKind::Positional)
            .nth(place)
            .map_or(Node::NONE, |arg| arg.node)
    }

    /// A value has come up as an argument of a builtin.
    pub(super) fn given(&mut self, given: Given, index: u32, id: ValueId) {
        let call = &self.linked.calls[index as usize];
        let (result, owner) = (call.result, call.owner);
        let value = self.values.get(id);
        match given {
            Given::Static | Given::ClassMethod | Given::Manager => {
                let value = match (given, value) {
                    (Given::Static, Value::Func(func)) => Value::Static(func),
                    (Given::ClassMethod, Value::Func(func)) => Value::ClassMethod(func),
                    (Given::Manager, Value::Func(func)) => Value::ManagerFactory(func),
                    (_, other) => other,
                };
                self.add(result, value);
            }
            Given::Super => self.super_of(index, result),
            Given::Type => match value {
                Value::Instance(class) => self.add(result, Value::Class(class)),
                Value::Object(ty, _) => self.add(result, Value::External(ty)),
                _ => {}
            },
            Given::GetAttr => {
                let base = self.argument_at(index, 0);
                match value {
                    Value::Str(attr) => self.read_attribute(base, attr, result, owner),
                    Value::Start(start) => self.wait(Given::GetSome(start), index, base),
                    // Any attribute may be meant. That matters where it is called, and would blur all else.
                    _ => self.add(result, Value::AnyAttribute(CallId(index))),
                }
            }
            Given::GetSome(start) => {
                for attr in self.names_of(value, start) {
                    self.load(id, attr, result, owner);
                }
                if !matches!(
                    value,
                    Value::Instance(_) | Value::Class(_) | Value::Module(_)
                ) {
                    self.unknown(result, Reason::Dynamic);
                }
            }
            Given::SetAttr => {
                if let Value::Str(attr) = value {
                    self.write_attribute(index, attr, owner);
                }
            }
            Given::Method => {
                let functions = self.values_of(self.argument_at(index, 0));
                let functions: Vec<Value> = functions.collect();
                for receiver in self.set(self.argument_at(index, 1)).to_vec() {
                    for function in &functions {
                        if let Value::Func(func) = function {
                            self.add(result, Value::Bound(*func, receiver));
                        }
                    }
                }
            }
            Given::Import => {
                if let Value::Str(name) = value {
                    let module = self.module_value(name);
                    self.add(result, module);
                }
            }
            Given::Iter(item) => {
                let own = match value {
                    Value::Generator(_) => {
                        self.add(result, value);
                        true
                    }
                    Value::Instance(class) => {
                        self.call_method(id, class, "__iter__", &[], result, owner)
                    }
                    _ => false,
                };
                if !own {
                    self.add(result, Value::Iterator(item));
                }
            }
            Given::NewClass => {
                let mut made: Vec<ClassId> = (self.metaclasses.iter())
                    .filter(|(_, meta)| value == Value::Class(**meta))
                    .map(|(class, _)| *class)
                    .collect();
                made.sort_unstable();
                for class in made {
                    self.add(result, Value::Class(class));
                }
            }
            Given::New => {
                if let Value::Class(class) = value {
                    self.add(result, Value::Instance(class));
                }
            }
            Given::Dispatch => self.open_dispatch(value),
            Given::Registered => self.register_value(index, id, result),
            Given::Text => self.text_of(id, crate::ir::TextForm::Str, owner),
        }
    }

    fn super_of(&mut self, index: u32, result: Node) {
        let classes: Vec<Value> = self.values_of(self.argument_at(index, 0)).collect();
        let receivers = self.set(self.argument_at(index, 1)).to_vec();
        for class in classes {
            if let Value::Class(class) = class {
                for receiver in &receivers {
                    self.add(result, Value::Super(class, *receiver));
                }
            }
        }
    }

    /// `to = base.attr`, found on the way.
    pub(super) fn read_attribute(&mut self, base: Node, attr: Sym, to: Node, owner: FuncId) {
        if !base.is_some() {
            return;
        }
        let number = u32::try_from(self.linked.loads.len()).unwrap_or(u32::MAX);
        self.linked.loads.push(crate::ir::Load {
            base,
            attr,
            to,
            owner,
        });
        self.constrain(base, Constraint::Load(number));
    }

    fn write_attribute(&mut self, index: u32, attr: Sym, owner: FuncId) {
        let base = self.argument_at(index, 0);
        if !base.is_some() {
            return;
        }
        if self.stored.insert(attr) {
            self.late_stored.insert(attr);
        }
        let number = u32::try_from(self.linked.stores.len()).unwrap_or(u32::MAX);
        let from = self.argument_at(index, 2);
        let from = if from.is_some() {
            from
        } else {
            self.new_node()
        };
        self.linked.stores.push(Store {
            base,
            attr,
            from,
            owner,
            class: None,
        });
        self.constrain(base, Constraint::Store(number));
    }

    /// `type.__call__(C, …)`, as a metaclass of ours writes it.
    pub(super) fn type_call(&mut self, index: u32, receiver: ValueId) {
        if let Value::Class(class) = self.values.get(receiver) {
            let owner = self.linked.calls[index as usize].owner;
            self.instantiate(index, class);
            for func in self.initializers(class) {
                self.note(owner, super::Target::Func(func));
            }
        }
    }
}
