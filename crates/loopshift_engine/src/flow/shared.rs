//! What programs set on classes that they get as values: `cls.hello = hello` in a decorator of classes.

use rustc_hash::FxHashSet;

use super::value::Value;
use super::{Constraint, FieldOwner, Flow};
use crate::ir::{ClassId, FuncId, Node, Sym};

impl Flow<'_> {
    /// `cls.attr = from`: the instances of the class and of its subclasses have the functions among it as methods.
    pub(super) fn share(&mut self, class: ClassId, attr: Sym, from: Node) {
        self.shared.insert(attr);
        let node = self.field(FieldOwner::Shared(class), attr);
        self.edge(from, node);
        let mut seen = FxHashSet::from_iter([class]);
        let mut classes = vec![class];
        while let Some(class) = classes.pop() {
            let readers = self.readers.get(&(class, attr)).cloned();
            for to in readers.unwrap_or_default() {
                self.bind_shared(node, class, to);
            }
            let subclasses = self.subclasses(class).iter().copied();
            classes.extend(subclasses.filter(|class| seen.insert(*class)));
        }
    }

    /// What was set on a class or its base flows to where an instance of it reads the attribute.
    pub(super) fn read_shared(&mut self, base: ClassId, class: ClassId, attr: Sym, to: Node) {
        if !self.shared.contains(&attr) {
            return;
        }
        if let Some(node) = self.fields.get(&(FieldOwner::Shared(base), attr)).copied() {
            self.bind_shared(node, class, to);
        }
    }

    fn bind_shared(&mut self, node: Node, class: ClassId, to: Node) {
        let receiver = self.values.id(Value::Instance(class));
        self.constrain(node, Constraint::Bind(receiver, to, FuncId::NONE));
    }
}
