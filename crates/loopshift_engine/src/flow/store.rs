//! Attributes: writing them on every kind of value.

use super::value::{Value, ValueId};
use super::{Constraint, FieldOwner, Flow};
use crate::ir::{ClassId, FuncId, Node, Store};

impl Flow<'_> {
    /// `base.attr = from`.
    pub(super) fn store(&mut self, base: ValueId, store: Store) {
        match self.values.get(base) {
            Value::Instance(class) => {
                if self.special.setattr.is_some() {
                    let scratch = Node::NONE;
                    let args = [Node::NONE, store.from];
                    self.call_method(base, class, "__setattr__", &args, scratch, store.owner);
                }
                if self.store_descriptor(base, class, store) {
                    return;
                }
                let field = self.field(FieldOwner::Class(class), store.attr);
                self.edge(store.from, field);
                if let Some(own) = store.class.filter(|own| *own != class) {
                    let field = self.field(FieldOwner::Class(own), store.attr);
                    self.edge(store.from, field);
                }
            }
            Value::Class(class) => match self.attrs.get(&(class, store.attr)).copied() {
                Some(node) => self.edge(store.from, node),
                None => {
                    let field = self.field(FieldOwner::Class(class), store.attr);
                    self.edge(store.from, field);
                    self.share(class, store.attr, store.from);
                }
            },
            Value::Module(file) => {
                let module = &self.linked.modules[file as usize];
                match module.globals.get(&store.attr).copied() {
                    Some(node) => self.edge(store.from, node),
                    None => {
                        let body = module.body;
                        let field = self.field(FieldOwner::Func(body), store.attr);
                        self.edge(store.from, field);
                    }
                }
            }
            Value::External(sym) | Value::Object(sym, _) | Value::ExternalBound(sym, _) => {
                let field = self.field(FieldOwner::External(sym), store.attr);
                self.edge(store.from, field);
            }
            Value::Func(func) | Value::Bound(func, _) => {
                let field = self.field(FieldOwner::Func(func), store.attr);
                self.edge(store.from, field);
            }
            _ => {}
        }
    }

    /// Descriptors that have come up after the attribute was written.
    pub(super) fn late_descriptors(&mut self) {
        for index in 0..self.linked.stores.len() {
            let store = self.linked.stores[index];
            for base in self.set(store.base).to_vec() {
                if let Value::Instance(class) = self.values.get(base) {
                    self.store_descriptor(base, class, store);
                }
            }
        }
    }

    /// A write that a property or another descriptor takes.
    fn store_descriptor(&mut self, base: ValueId, class: ClassId, store: Store) -> bool {
        let Ok((_, node)) = self.class_attr(class, store.attr) else {
            return false;
        };
        let mut taken = false;
        for id in self.set(node).to_vec() {
            let is_setter = match self.values.get(id) {
                Value::Property(..) => true,
                Value::Instance(_) => self.special.set.is_some(),
                _ => false,
            };
            if is_setter && !self.described.insert((store.from, base, id)) {
                taken = true;
                continue;
            }
            match self.values.get(id) {
                Value::Property(_, setter) => {
                    taken = true;
                    if setter.is_some() {
                        let callee = self.new_node();
                        self.constrain(setter, Constraint::Bind(base, callee, FuncId::NONE));
                        self.hidden_call(callee, &[store.from], Node::NONE, store.owner);
                    }
                }
                Value::Instance(of) if self.special.set.is_some() => {
                    let this = self.new_node();
                    self.add_id(this, base);
                    let args = [this, store.from];
                    let scratch = Node::NONE;
                    taken |= self.call_method(id, of, "__set__", &args, scratch, store.owner);
                }
                _ => {}
            }
        }
        taken
    }
}
