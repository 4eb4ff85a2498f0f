//! Classes derived from containers: their instances hold what a list, a set or a dict holds.

use super::builtin::{args, container_type, pairs};
use super::value::{Value, ValueId};
use super::{Constraint, Flow};
use crate::ir::{
    ClassId, ContainerId, ContainerKind, FuncId, Key, Node, ProtocolKind, Reason, Subscript, Sym,
};

/// The containers that programs derive classes from.
const BASES: &[(&str, ContainerKind)] = &[
    ("<builtin>.list", ContainerKind::List),
    ("<builtin>.tuple", ContainerKind::Tuple),
    ("<builtin>.set", ContainerKind::Set),
    ("<builtin>.frozenset", ContainerKind::Set),
    ("<builtin>.dict", ContainerKind::Dict),
    ("collections.OrderedDict", ContainerKind::Dict),
    ("collections.UserDict", ContainerKind::Dict),
    ("collections.UserList", ContainerKind::List),
    ("collections.deque", ContainerKind::List),
];

impl Flow<'_> {
    /// What the instances of a class hold that derives from a container: one container for all of them.
    pub(super) fn held_by(&mut self, class: ClassId) -> Option<ContainerId> {
        let base = self.outside[class.0 as usize]?;
        if let Some(known) = self.held.get(&class) {
            return *known;
        }
        let name = self.text(base);
        let kind = BASES.iter().find(|(known, _)| *known == name);
        let made = kind.map(|(_, kind)| {
            let container = self.new_container(*kind);
            if self.text(base).strip_prefix("<builtin>.") != Some(container_type(*kind)) {
                self.container_types.insert(container, base);
            }
            container
        });
        self.held.insert(class, made);
        made
    }

    /// A member that an instance has from the container that its class derives from.
    pub(super) fn load_held(&mut self, receiver: ValueId, attr: Sym, to: Node) -> bool {
        let Value::Instance(class) = self.values.get(receiver) else {
            return false;
        };
        let Some(container) = self.held_by(class).filter(|_| self.text(attr) != "__new__") else {
            return false;
        };
        let id = self.values.id(Value::Container(container));
        let kind = container_type(self.linked.containers[container.0 as usize].kind);
        if self.text(attr) == "data" {
            self.add_id(to, id);
        } else if self.container_types.contains_key(&container)
            || super::names::may_have(kind, self.text(attr))
        {
            self.load(id, attr, to, FuncId::NONE);
        } else {
            self.unknown(to, Reason::Attribute);
        }
        true
    }

    /// `self[key]`, read or written by an instance whose class leaves that to the container that it derives from.
    pub(super) fn subscript_held(&mut self, class: ClassId, subscript: Subscript) -> bool {
        let Some(container) = self.held_by(class) else {
            return false;
        };
        let base = self.new_node();
        self.add(base, Value::Container(container));
        let index = u32::try_from(self.linked.subscripts.len()).unwrap_or(u32::MAX);
        self.linked.subscripts.push(Subscript { base, ..subscript });
        self.constrain(base, Constraint::Subscript(index));
        self.constrain(subscript.key_node, Constraint::Key(index));
        if !subscript.store {
            let id = self.values.id(Value::Instance(class));
            let (key, to) = ([subscript.key_node], subscript.value);
            self.call_method(id, class, "__missing__", &key, to, subscript.owner);
        }
        true
    }

    /// A container takes what it is made of: `list(items)`, `dict(pairs, key=value)`.
    pub(super) fn fill(&mut self, index: u32, container: ContainerId) {
        let a = args(self, index);
        let known = &self.linked.containers[container.0 as usize];
        let (elements, kind) = (known.elements, known.kind);
        if kind != ContainerKind::Dict {
            self.add_protocol(ProtocolKind::Iter, a.first(), elements, a.owner);
            return;
        }
        for (name, node) in &a.keywords {
            let slot = self.item(container, Key::Str(*name));
            self.edge(*node, slot);
        }
        if a.first().is_some() {
            self.constrain(a.first(), Constraint::Merge(container));
            pairs(self, a.first(), container, a.owner);
        }
    }
}
