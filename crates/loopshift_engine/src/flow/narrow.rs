//! Tests for the class of a value: `isinstance`, class patterns, `except`.

use super::value::{Value, ValueId};
use super::{Flow, MroEntry};
use crate::ir::{ClassId, Node};

/// Whether a value is an instance of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Maybe,
}

impl Flow<'_> {
    /// A value has come up as the subject of a test.
    pub(super) fn narrow(&mut self, index: u32, id: ValueId) {
        let narrow = self.linked.narrows[index as usize];
        let value = self.values.get(id);
        if matches!(value, Value::Unknown(_)) {
            if narrow.negated {
                self.add_id(narrow.to, id);
            }
            return;
        }
        let mut answer = Answer::No;
        for class in self.classes_at(narrow.class) {
            match self.is_instance(value, class) {
                Answer::Yes => answer = Answer::Yes,
                Answer::Maybe if answer == Answer::No => answer = Answer::Maybe,
                _ => {}
            }
        }
        let passes = if narrow.negated {
            answer != Answer::Yes
        } else {
            answer != Answer::No
        };
        if passes {
            self.add_id(narrow.to, id);
        }
    }

    /// What `__new__` returned where `class` was called. Classes that inherit one `__new__` get objects of their own from it
    /// (singletons do): one of a sister class came from a call of that.
    pub(super) fn made(&mut self, id: ValueId, class: ClassId, to: Node) {
        let derives =
            |class: ClassId, of| self.mro[class.0 as usize].contains(&MroEntry::Class(of));
        if let Value::Instance(other) = self.values.get(id)
            && !derives(class, other)
            && !derives(other, class)
            && let Some(new) = self.defined_name("__new__")
            && self.class_attr(class, new).ok() == self.class_attr(other, new).ok()
        {
            return;
        }
        self.add_id(to, id);
    }

    /// The classes at a node, also those in tuples.
    fn classes_at(&self, node: Node) -> Vec<Value> {
        let mut classes = Vec::new();
        for value in self.values_of(node) {
            match value {
                Value::Container(container) => {
                    let container = &self.linked.containers[container.0 as usize];
                    for node in container.contents() {
                        classes.extend(self.values_of(node));
                    }
                }
                other => classes.push(other),
            }
        }
        classes
    }

    fn is_instance(&self, value: Value, class: Value) -> Answer {
        let builtin = match value {
            Value::Instance(of) => {
                let entry = match class {
                    Value::Class(class) => MroEntry::Class(class),
                    Value::External(sym) => {
                        let text = self.text(sym);
                        // Structural types: what an instance is of them does not stand in its bases.
                        if text.starts_with("collections.abc.") || text.starts_with("typing.") {
                            return Answer::Maybe;
                        }
                        MroEntry::External(sym)
                    }
                    _ => return Answer::Maybe,
                };
                return self.is_subclass(of, entry);
            }
            Value::Container(container) => {
                let kind = self.linked.containers[container.0 as usize].kind;
                super::builtin::container_type(kind)
            }
            Value::Str(_) | Value::Start(_) => "str",
            Value::Int(_) => "int",
            Value::Object(ty, _) => {
                return match class {
                    Value::Class(_) => Answer::No,
                    Value::External(class) if class == ty => Answer::Yes,
                    _ => Answer::Maybe,
                };
            }
            _ => {
                return match class {
                    Value::Class(_) => Answer::No,
                    _ => Answer::Maybe,
                };
            }
        };
        match class {
            Value::Class(_) => Answer::No,
            Value::External(sym) => match self.text(sym).strip_prefix("<builtin>.") {
                Some(name) if name == builtin || name == "object" => Answer::Yes,
                Some(_) => Answer::No,
                None => Answer::Maybe,
            },
            _ => Answer::Maybe,
        }
    }

    fn is_subclass(&self, class: ClassId, of: MroEntry) -> Answer {
        if self.mro[class.0 as usize].contains(&of) {
            return Answer::Yes;
        }
        // A class of ours derived from an external one may be an instance of another external one.
        let external = |entry: &MroEntry| match entry {
            MroEntry::External(sym) => !self.text(*sym).starts_with("<builtin>."),
            MroEntry::Class(_) => false,
        };
        match of {
            MroEntry::External(sym) if self.text(sym) == "<builtin>.object" => Answer::Yes,
            MroEntry::External(_) if self.mro[class.0 as usize].iter().any(external) => {
                Answer::Maybe
            }
            _ => Answer::No,
        }
    }

    /// `except C as e` binds what is raised: the nodes by class.
    pub(super) fn collect_handlers(&mut self) {
        for index in 0..self.linked.narrows.len() {
            let narrow = self.linked.narrows[index];
            if narrow.subject.is_some() {
                continue;
            }
            for class in self.classes_at(narrow.class) {
                if let Value::Class(class) = class {
                    let nodes = self.handlers.entry(class).or_default();
                    nodes.push(narrow.to);
                }
            }
        }
    }

    /// An instance has been raised.
    pub(super) fn raised(&mut self, class: ClassId) {
        let instance = self.values.id(Value::Instance(class));
        for base in self.own_mro(class) {
            for node in self.handlers.get(&base).cloned().unwrap_or_default() {
                self.add_id(node, instance);
            }
        }
    }

    /// Where nothing we see passes a test, an instance of the class itself does.
    pub(super) fn seed_narrows(&mut self) {
        for index in 0..self.linked.narrows.len() {
            let narrow = self.linked.narrows[index];
            let known = |id: &ValueId| !matches!(self.values.get(*id), Value::Unknown(_));
            if narrow.negated || self.set(narrow.to).iter().any(known) {
                continue;
            }
            for class in self.classes_at(narrow.class) {
                self.instance_of(class, narrow.to);
            }
        }
    }
}
