//! Builtins that look at what they are given: each value is dealt with when it comes up.

use super::value::{Value, ValueId};
use super::{Constraint, Flow};
use crate::ir::{ArgKind, FuncId, Node, Store, Sym};

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
    /// The name in `setattr(x, name, value)`.
    SetAttr,
    /// `types.MethodType(f, x)`, either.
    Method,
    /// `importlib.import_module(name)`.
    Import,
    /// The class in `object.__new__(C)`.
    New,
    /// An argument of `print` or `str.format`.
    Text,
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
                if let Value::Str(attr) = value {
                    let base = self.argument_at(index, 0);
                    self.read_attribute(base, attr, result, owner);
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
            Given::New => {
                if let Value::Class(class) = value {
                    self.add(result, Value::Instance(class));
                }
            }
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
