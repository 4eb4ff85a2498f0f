//! Operators, truth, text, slices and patterns: what they call on objects of ours.

use super::value::{CallId, Value, ValueId};
use super::{Constraint, Flow, MroEntry};
use crate::ir::{ClassId, ContainerId, ContainerKind, FuncId, Key, Node, Sym, TextForm};

impl Flow<'_> {
    /// An operation that is one method.
    pub(super) fn operator(
        &mut self,
        id: ValueId,
        method: Sym,
        arg: Node,
        to: Node,
        owner: FuncId,
    ) {
        let name = self.text(method).to_owned();
        match self.values.get(id) {
            Value::Instance(class) => {
                let args = [arg];
                let args = if arg.is_some() { &args[..] } else { &[] };
                let called = self.call_method(id, class, &name, args, to, owner);
                if !called && name == "__contains__" {
                    let item = self.new_node();
                    self.iterate(id, item, owner);
                }
            }
            // What is done with a class is a matter of its metaclass.
            Value::Class(class) => {
                if let Some(meta) = self.metaclasses.get(&class).copied() {
                    let args = [arg];
                    let args = if arg.is_some() { &args[..] } else { &[] };
                    self.call_method(id, meta, &name, args, to, owner);
                }
            }
            Value::Unknown(reason) => self.unknown(to, reason),
            _ => {}
        }
    }

    /// The left side of a binary operator has a value.
    pub(super) fn binary(&mut self, index: u32, id: ValueId, method: Sym, reflected: Sym) {
        let protocol = self.linked.protocols[index as usize];
        match self.values.get(id) {
            Value::Instance(class) => {
                let to = protocol.to;
                let name = self.text(method).to_owned();
                let args = [protocol.arg];
                let plain = name.strip_prefix("__i").map(|rest| format!("__{rest}"));
                let fallback = match (&plain, name.as_str()) {
                    (Some(plain), _) => plain.as_str(),
                    (None, "__ne__") => "__eq__",
                    _ => "",
                };
                let called = self.call_method(id, class, &name, &args, to, protocol.owner)
                    || (!fallback.is_empty()
                        && self.call_method(id, class, fallback, &args, to, protocol.owner));
                if !called && self.defined.contains(reflected) {
                    self.constrain(protocol.arg, Constraint::Reflect(index));
                }
            }
            Value::Unknown(reason) => self.unknown(protocol.to, reason),
            Value::External(_) | Value::ExternalBound(..) => {}
            _ => {
                if self.defined.contains(reflected) {
                    self.constrain(protocol.arg, Constraint::Reflect(index));
                }
            }
        }
    }

    /// The right side answers.
    pub(super) fn reflect(&mut self, index: u32, id: ValueId) {
        let protocol = self.linked.protocols[index as usize];
        if let (Value::Instance(class), crate::ir::ProtocolKind::Binary(_, reflected)) =
            (self.values.get(id), protocol.kind)
        {
            let to = protocol.to;
            let name = self.text(reflected).to_owned();
            self.call_method(id, class, &name, &[protocol.base], to, protocol.owner);
        }
    }

    /// `if x`.
    pub(super) fn truth(&mut self, id: ValueId, owner: FuncId) {
        if let Value::Instance(class) = self.values.get(id) {
            let scratch = Node::NONE;
            if !self.call_method(id, class, "__bool__", &[], scratch, owner) {
                self.call_method(id, class, "__len__", &[], scratch, owner);
            }
        }
    }

    /// `str(x)`, `f"{x}"`, `repr(x)`.
    pub(super) fn text_of(&mut self, id: ValueId, form: TextForm, owner: FuncId) {
        let Value::Instance(class) = self.values.get(id) else {
            return;
        };
        let names: &[&str] = match form {
            TextForm::Format => &["__format__", "__str__", "__repr__"],
            TextForm::Str => &["__str__", "__repr__"],
            TextForm::Repr => &["__repr__"],
        };
        // A base outside the program has a text of its own.
        let foreign = self.mro[class.0 as usize].iter().any(|entry| match entry {
            MroEntry::External(sym) => {
                let text = self.text(*sym);
                !(text == "<builtin>.object" || text.starts_with("typing.") || text == "abc.ABC")
            }
            MroEntry::Class(_) => false,
        });
        let scratch = Node::NONE;
        for name in names {
            if *name == "__repr__" && foreign && form != TextForm::Repr {
                return;
            }
            if self.call_method(id, class, name, &[], scratch, owner) {
                return;
            }
        }
    }

    /// `base[lower:upper]`.
    pub(super) fn slice(&mut self, id: ValueId, lower: i32, upper: i32, to: Node, owner: FuncId) {
        match self.values.get(id) {
            Value::Container(container) => match self.part(container, lower, upper) {
                Some(part) => self.add(to, Value::Container(part)),
                None => {
                    if lower != 0 {
                        self.shift(container);
                    }
                    self.add_id(to, id);
                }
            },
            Value::Str(_) | Value::Start(_) => {
                let sym = self.sym("<builtin>.str");
                self.add(to, Value::Object(sym, CallId::NONE));
            }
            Value::Object(ty, _) if self.text(ty).starts_with("<builtin>.") => self.add_id(to, id),
            Value::Instance(class) => {
                self.call_method(id, class, "__getitem__", &[], to, owner);
            }
            Value::Unknown(reason) => self.unknown(to, reason),
            _ => {}
        }
    }

    /// The part of a display that constant bounds cut out.
    fn part(&mut self, container: ContainerId, lower: i32, upper: i32) -> Option<ContainerId> {
        let whole = &self.linked.containers[container.0 as usize];
        let (kind, elements) = (whole.kind, whole.elements);
        if upper == i32::MIN || kind == ContainerKind::Dict || whole.items.is_empty() {
            return None;
        }
        let items: Vec<(i32, Node)> = whole
            .items
            .iter()
            .filter_map(|(key, node)| match key {
                Key::Int(place) if *place >= 0 => Some((*place, *node)),
                _ => None,
            })
            .collect();
        let end = items.iter().map(|(place, _)| *place + 1).max()?;
        let bound = |bound: i32, open: i32| match bound {
            i32::MAX => open,
            back if back < 0 => (end + back).max(0),
            other => other,
        };
        let (lower, upper) = (bound(lower, 0), bound(upper, i32::MAX));
        let part = self.new_container(kind);
        let rest = self.linked.containers[part.0 as usize].elements;
        self.edge(elements, rest);
        for (place, node) in items {
            if (lower..upper).contains(&place) {
                let item = self.item(part, Key::Int(place - lower));
                self.edge(node, item);
            }
        }
        Some(part)
    }

    /// `case Cls(x, y)`: the attributes that `__match_args__` or the fields name.
    pub(super) fn match_place(&mut self, id: ValueId, place: u16, to: Node, owner: FuncId) {
        let Value::Instance(class) = self.values.get(id) else {
            return;
        };
        if let Some(names) = self.defined_name("__match_args__")
            && let Ok((_, node)) = self.class_attr(class, names)
        {
            let mut found = Vec::new();
            for value in self.values_of(node).collect::<Vec<_>>() {
                if let Value::Container(container) = value {
                    let item = self.item(container, Key::Int(i32::from(place)));
                    found.extend(self.values_of(item));
                }
            }
            for value in found {
                if let Value::Str(attr) = value {
                    self.load(id, attr, to, owner);
                }
            }
            return;
        }
        if let Some((attr, _)) = self.all_fields(class).get(usize::from(place)) {
            self.load(id, *attr, to, owner);
        }
    }

    /// The attributes that hold the places of a named tuple.
    pub(super) fn tuple_fields(&mut self, class: ClassId) -> Vec<(Sym, Node)> {
        self.all_fields(class)
            .into_iter()
            .map(|(name, _)| {
                let field = self.field(super::FieldOwner::Class(class), name);
                (name, field)
            })
            .collect()
    }

    /// An item of a named tuple.
    pub(super) fn tuple_item(&mut self, class: ClassId, key: Key, to: Node) {
        let fields = self.tuple_fields(class);
        for (place, (_, field)) in fields.into_iter().enumerate() {
            let known = i32::try_from(place).map_or(Key::Any, Key::Int);
            if key == Key::Any || key == known {
                self.edge(field, to);
            }
        }
    }

    /// `Cls[int]` with a `__class_getitem__` of ours.
    pub(super) fn call_class_getitem(
        &mut self,
        id: ValueId,
        class: ClassId,
        to: Node,
        owner: FuncId,
    ) -> bool {
        self.defined_name("__class_getitem__").is_some()
            && self.call_method(id, class, "__class_getitem__", &[], to, owner)
    }
}
