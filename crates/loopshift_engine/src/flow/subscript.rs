//! Subscripts, and what stands at the places of containers.

use super::Flow;
use super::value::{CallId, Value};
use crate::ir::{ContainerId, ContainerKind, Key, Node, Reason, Subscript};

impl Flow<'_> {
    pub(super) fn subscript(&mut self, index: u32, value: Value) {
        let subscript = self.linked.subscripts[index as usize];
        match value {
            Value::Container(container) => {
                if subscript.key_node.is_some() {
                    let whole = &self.linked.containers[container.0 as usize];
                    let (kind, all) = (whole.kind, whole.keys);
                    if subscript.store && kind == ContainerKind::Dict {
                        self.edge(subscript.key_node, all);
                    }
                    let keys: Vec<Value> = self.values_of(subscript.key_node).collect();
                    for key in keys {
                        self.access_value(container, key, subscript.value, subscript.store);
                    }
                    return;
                }
                self.access(container, subscript.key, subscript.value, subscript.store);
                let whole = &self.linked.containers[container.0 as usize];
                if whole.kind == ContainerKind::Dict && !subscript.store {
                    // Taken apart, it gives its keys.
                    let keys = whole.keys;
                    self.edge(keys, subscript.value);
                }
            }
            // Taken apart: `a, b = values.values()`.
            Value::Iterator(item) if !subscript.store => self.edge(item, subscript.value),
            Value::Generator(func) if !subscript.store => {
                let yields = self.linked.functions[func.0 as usize].yields;
                self.edge(yields, subscript.value);
            }
            Value::Instance(class) => {
                let id = self.values.id(value);
                let name = if subscript.store {
                    "__setitem__"
                } else {
                    "__getitem__"
                };
                let key = self.key_argument(subscript);
                if !subscript.store && !subscript.key_node.is_some() {
                    // Taken apart, or read at a constant place.
                    self.iterate_own(class, subscript.value, subscript.owner);
                }
                if subscript.store {
                    let scratch = Node::NONE;
                    let args = [key, subscript.value];
                    if !self.call_method(id, class, name, &args, scratch, subscript.owner) {
                        self.subscript_held(class, subscript);
                    }
                } else if self.is_named_tuple(class) {
                    self.tuple_item(class, subscript.key, subscript.value);
                } else if !self.call_method(
                    id,
                    class,
                    name,
                    &[key],
                    subscript.value,
                    subscript.owner,
                ) && !self.subscript_held(class, subscript)
                {
                    self.unknown(subscript.value, Reason::Opaque);
                }
            }
            Value::Class(class) if !subscript.store && self.is_enum(class) => {
                self.add(subscript.value, Value::Instance(class));
            }
            Value::Class(class) if !subscript.store => {
                let id = self.values.id(value);
                let (to, owner) = (subscript.value, subscript.owner);
                let args = [subscript.key_node];
                let meta = self.metaclasses.get(&class).copied();
                if meta
                    .is_some_and(|meta| self.call_method(id, meta, "__getitem__", &args, to, owner))
                {
                    return;
                }
                if !self.call_class_getitem(id, class, to, owner) {
                    self.add(to, value);
                }
            }
            // `globals()["f"]`.
            Value::Module(_) if !subscript.store => {
                let id = self.values.id(value);
                if let Key::Str(name) = subscript.key {
                    self.load(id, name, subscript.value, subscript.owner);
                }
                for key in self.values_of(subscript.key_node).collect::<Vec<_>>() {
                    if let Value::Str(name) = key {
                        self.load(id, name, subscript.value, subscript.owner);
                    }
                }
            }
            Value::External(sym) if self.text(sym) == "sys.modules" && !subscript.store => {
                if let Key::Str(name) = subscript.key {
                    self.loaded_module(Value::Str(name), subscript.value);
                }
                for name in self.values_of(subscript.key_node).collect::<Vec<_>>() {
                    self.loaded_module(name, subscript.value);
                }
            }
            Value::External(sym) if self.has_no_items(sym) => {}
            // `END = object()` among what is taken apart: it never is.
            Value::Object(ty, _) if self.text(ty) == "<builtin>.object" => {}
            // `asyncio.Queue[int]` is the class, with a hint.
            Value::External(_) | Value::ExternalBound(..) if !subscript.store => {
                self.add(subscript.value, value);
            }
            // A part of a text is a text.
            Value::Object(ty, CallId::NONE)
                if !subscript.store && self.text(ty) == "<builtin>.str" =>
            {
                self.add(subscript.value, value);
            }
            Value::Object(..) | Value::Unknown(_) if !subscript.store => {
                self.unknown(subscript.value, Reason::Opaque);
            }
            _ => {}
        }
    }

    /// `sys.modules[name]`.
    fn loaded_module(&mut self, name: Value, to: Node) {
        match name {
            Value::Str(name) => {
                let module = self.module_value(name);
                self.add(to, module);
            }
            _ => self.unknown(to, Reason::Dynamic),
        }
    }

    /// The key as what `__getitem__` is given.
    fn key_argument(&mut self, subscript: Subscript) -> Node {
        let value = match subscript.key {
            Key::Str(text) => Value::Str(text),
            Key::Int(number) => Value::Int(number),
            Key::Any => return subscript.key_node,
        };
        let node = self.new_node();
        self.add(node, value);
        node
    }

    /// A value has come up as the key of a subscript.
    pub(super) fn key(&mut self, index: u32, key: Value) {
        let subscript = self.linked.subscripts[index as usize];
        let bases: Vec<Value> = self.values_of(subscript.base).collect();
        for base in bases {
            if let Value::Container(container) = base {
                self.access_value(container, key, subscript.value, subscript.store);
            }
            match (base, key) {
                (Value::Module(_), Value::Str(name)) if !subscript.store => {
                    let id = self.values.id(base);
                    self.load(id, name, subscript.value, subscript.owner);
                }
                (Value::External(sym), _)
                    if !subscript.store && self.text(sym) == "sys.modules" =>
                {
                    self.loaded_module(key, subscript.value);
                }
                _ => {}
            }
        }
        if let Value::Instance(class) = key
            && self.defined_name("__hash__").is_some()
            && self
                .values_of(subscript.base)
                .any(|base| matches!(base, Value::Container(_)))
        {
            let id = self.values.id(key);
            let scratch = Node::NONE;
            self.call_method(id, class, "__hash__", &[], scratch, subscript.owner);
        }
    }

    fn access_value(&mut self, container: ContainerId, key: Value, value: Node, store: bool) {
        match key {
            Value::Str(sym) => self.access(container, Key::Str(sym), value, store),
            Value::Int(int) => self.access(container, Key::Int(int), value, store),
            // Keys that nothing is known of are opened at the end.
            _ => {}
        }
    }

    /// Reads or writes an item of a container.
    pub(super) fn access(&mut self, container: ContainerId, key: Key, value: Node, store: bool) {
        if store {
            match key {
                Key::Any => {
                    let elements = self.linked.containers[container.0 as usize].elements;
                    self.edge(value, elements);
                }
                key => {
                    let item = self.item(container, key);
                    self.edge(value, item);
                }
            }
            return;
        }
        let elements = self.linked.containers[container.0 as usize].elements;
        self.edge(elements, value);
        match key {
            Key::Any => self.contents(container, value),
            Key::Int(back) if back < 0 => {
                let last = self.linked.containers[container.0 as usize]
                    .items
                    .iter()
                    .filter_map(|(key, _)| match key {
                        Key::Int(int) => Some(*int),
                        _ => None,
                    })
                    .max();
                match last {
                    Some(last) if last + 1 + back >= 0 => {
                        let item = self.item(container, Key::Int(last + 1 + back));
                        self.edge(item, value);
                    }
                    _ => self.contents(container, value),
                }
            }
            Key::Int(_) if self.shifted.contains(&container) => self.contents(container, value),
            key => {
                if matches!(key, Key::Int(_)) {
                    self.places.entry(container).or_default().push(value);
                }
                let item = self.item(container, key);
                self.edge(item, value);
            }
        }
    }

    /// What a list holds may stand at other places than it was put: whoever reads one place may get any of it.
    pub(super) fn shift(&mut self, container: ContainerId) {
        if self.linked.containers[container.0 as usize].kind != ContainerKind::Dict
            && self.shifted.insert(container)
        {
            for to in self.places.remove(&container).unwrap_or_default() {
                self.contents(container, to);
            }
        }
    }

    /// The node of a known place in a container.
    pub(super) fn item(&mut self, container: ContainerId, key: Key) -> Node {
        if let Some(node) = self.items.get(&(container, key)) {
            return *node;
        }
        let node = self.new_node();
        self.items.insert((container, key), node);
        self.linked.containers[container.0 as usize]
            .items
            .push((key, node));
        // Those who read everything read this, too.
        if let Some(whole) = self.wholes.get(&container).copied() {
            self.edge(node, whole);
        }
        node
    }

    /// What a container holds goes into another.
    pub(super) fn merge(&mut self, into: ContainerId, value: Value) {
        let held = match value {
            Value::Container(from) => Some(from),
            Value::Instance(class) => self.held_by(class),
            _ => None,
        };
        let Some(from) = held else { return };
        if from == into {
            return;
        }
        let kind = self.linked.containers[into.0 as usize].kind;
        let elements = self.linked.containers[into.0 as usize].elements;
        if kind != ContainerKind::Dict {
            self.contents(from, elements);
            return;
        }
        // Key by key, so that `d.update(e)` keeps apart what the keys keep apart.
        let theirs = self.linked.containers[from.0 as usize].elements;
        self.edge(theirs, elements);
        let keys = self.linked.containers[from.0 as usize].keys;
        let ours = self.linked.containers[into.0 as usize].keys;
        self.edge(keys, ours);
        let items = self.linked.containers[from.0 as usize].items.clone();
        for (key, node) in items {
            let item = self.item(into, key);
            self.edge(node, item);
        }
    }
}
