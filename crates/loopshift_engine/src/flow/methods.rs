//! Methods of the builtin types.

use super::builtin::{Args, args};
use super::given::Given;
use super::value::{CallId, Value, ValueId};
use super::{Constraint, Flow};
use crate::ir::{
    Arg, ArgKind, ContainerId, ContainerKind, FuncId, Key, Node, ProtocolKind, Subscript, Sym,
};

/// Does what a call of a method of a builtin type does; `false` where nothing is known of it.
pub(super) fn builtin_method(
    flow: &mut Flow<'_>,
    index: u32,
    method: &str,
    receiver: ValueId,
) -> bool {
    let a = args(flow, index);
    let Some((ty, name)) = method.split_once('.') else {
        return false;
    };
    if name == "__new__" {
        flow.wait(Given::New, index, a.first());
        return true;
    }
    if matches!(ty, "generator" | "async_generator" | "coroutine") {
        let sync = matches!(name, "__next__" | "send" | "throw");
        if sync {
            flow.iterate(receiver, a.result, a.owner);
        } else if matches!(name, "asend" | "__anext__" | "athrow") {
            let item = flow.new_node();
            flow.iterate(receiver, item, a.owner);
            flow.add(a.result, Value::Awaitable(item));
        } else if matches!(name, "__iter__" | "__aiter__" | "__await__") {
            flow.add_id(a.result, receiver);
        }
        if let (Value::Generator(func), "send" | "asend") = (flow.values.get(receiver), name) {
            let sends = flow.linked.functions[func.0 as usize].sends;
            flow.edge(a.first(), sends);
        }
        return true;
    }
    if ty == "type" && name == "__call__" {
        flow.type_call(index, receiver);
        return true;
    }
    if let ("type", "__subclasses__", Value::Class(class)) = (ty, name, flow.values.get(receiver)) {
        let list = flow.new_container(ContainerKind::List);
        let elements = flow.linked.containers[list.0 as usize].elements;
        for class in flow.subclasses(class).to_vec() {
            flow.add(elements, Value::Class(class));
        }
        flow.add(a.result, Value::Container(list));
        return true;
    }
    if ty == "str" {
        let sym = flow.sym("<builtin>.str");
        match name {
            "split" | "rsplit" | "splitlines" | "partition" | "rpartition" => {
                let list = flow.new_container(ContainerKind::List);
                let elements = flow.linked.containers[list.0 as usize].elements;
                flow.add(elements, Value::Object(sym, CallId::NONE));
                flow.add(a.result, Value::Container(list));
            }
            "encode" => {
                let bytes = flow.sym("<builtin>.bytes");
                flow.add(a.result, Value::Object(bytes, CallId::NONE));
            }
            "join" | "strip" | "lstrip" | "rstrip" | "upper" | "lower" | "title" | "format"
            | "replace" | "capitalize" | "ljust" | "rjust" | "center" | "zfill" => {
                flow.add(a.result, Value::Object(sym, CallId::NONE));
            }
            _ => {}
        }
        if matches!(name, "format") {
            for node in a
                .positional
                .iter()
                .chain(a.keywords.iter().map(|(_, node)| node))
            {
                flow.wait(Given::Text, index, *node);
            }
        }
        if name == "join" {
            let scratch = Node::NONE;
            flow.add_protocol(ProtocolKind::Iter, a.first(), scratch, a.owner);
        }
        return true;
    }
    let Value::Container(container) = flow.values.get(receiver) else {
        return true;
    };
    container_method(flow, index, name, container, receiver, &a);
    true
}

fn container_method(
    flow: &mut Flow<'_>,
    index: u32,
    name: &str,
    container: ContainerId,
    receiver: ValueId,
    a: &Args,
) {
    let (elements, keys, kind) = {
        let known = &flow.linked.containers[container.0 as usize];
        (known.elements, known.keys, known.kind)
    };
    if matches!(
        name,
        "appendleft"
            | "extendleft"
            | "insert"
            | "pop"
            | "popleft"
            | "remove"
            | "reverse"
            | "rotate"
            | "sort"
    ) {
        flow.shift(container);
    }
    match name {
        "append" | "add" | "appendleft" => flow.edge(a.first(), elements),
        "insert" => flow.edge(a.get(1), elements),
        "extend" | "update" | "extendleft" | "union" | "difference" | "intersection" => {
            if kind == ContainerKind::Dict {
                for (name, node) in &a.keywords {
                    let slot = flow.item(container, Key::Str(*name));
                    flow.edge(*node, slot);
                }
                if a.first().is_some() {
                    flow.constrain(a.first(), Constraint::Merge(container));
                }
            } else {
                flow.add_protocol(ProtocolKind::Iter, a.first(), elements, a.owner);
            }
            if matches!(name, "union" | "difference" | "intersection") {
                flow.add_id(a.result, receiver);
            }
        }
        "popitem" => {
            let pair = flow.new_container(ContainerKind::Tuple);
            let (first, second) = (flow.item(pair, Key::Int(0)), flow.item(pair, Key::Int(1)));
            flow.iterate(receiver, first, a.owner);
            flow.contents(container, second);
            flow.add(a.result, Value::Container(pair));
        }
        "get" | "setdefault" | "pop" | "popleft" => {
            if kind == ContainerKind::Dict {
                access_key(flow, container, a.first(), a.result, false, a.owner);
                flow.edge(a.get(1), a.result);
                if name == "setdefault" {
                    access_key(flow, container, a.first(), a.get(1), true, a.owner);
                    flow.edge(a.first(), keys);
                }
            } else {
                flow.contents(container, a.result);
            }
        }
        "values" => {
            let item = flow.new_node();
            flow.contents(container, item);
            flow.add(a.result, Value::Iterator(item));
        }
        "keys" => flow.add_id(a.result, receiver),
        "items" => {
            let pair = flow.new_container(ContainerKind::Tuple);
            let (first, second) = (flow.item(pair, Key::Int(0)), flow.item(pair, Key::Int(1)));
            flow.iterate(receiver, first, a.owner);
            flow.contents(container, second);
            let node = flow.new_node();
            flow.add(node, Value::Container(pair));
            flow.add(a.result, Value::Iterator(node));
        }
        "__init__" => flow.fill(index, container),
        "__getitem__" => access_key(flow, container, a.first(), a.result, false, a.owner),
        "__setitem__" => {
            access_key(flow, container, a.first(), a.get(1), true, a.owner);
            flow.edge(a.first(), keys);
        }
        "copy" | "__iter__" => flow.add_id(a.result, receiver),
        "sort" => {
            let key = a.keyword(flow, "key");
            if key.is_some() {
                let item = flow.new_node();
                flow.contents(container, item);
                let list: Box<[Arg]> = Box::new([Arg {
                    kind: ArgKind::Positional,
                    node: item,
                }]);
                let scratch = Node::NONE;
                flow.make_call(index, key, list, scratch, a.owner);
            } else {
                let item = flow.new_node();
                flow.contents(container, item);
                let method = flow.sym("__lt__");
                let kind = ProtocolKind::Binary(method, method);
                flow.add_protocol_with(kind, item, item, Node::NONE, a.owner);
            }
        }
        _ => {}
    }
}

/// Reads or writes a dict with the key that a method is given.
fn access_key(
    flow: &mut Flow<'_>,
    container: ContainerId,
    key: Node,
    value: Node,
    store: bool,
    owner: FuncId,
) {
    if !value.is_some() {
        return;
    }
    if !key.is_some() {
        flow.access(container, Key::Any, value, store);
        return;
    }
    let base = flow.new_node();
    flow.add(base, Value::Container(container));
    let index = u32::try_from(flow.linked.subscripts.len()).unwrap_or(u32::MAX);
    flow.linked.subscripts.push(Subscript {
        base,
        key: Key::Any,
        key_node: key,
        value,
        store,
        owner,
    });
    flow.constrain(base, Constraint::Subscript(index));
    flow.constrain(key, Constraint::Key(index));
}

impl Flow<'_> {
    /// Whether a method is one of a container of the standard library that is followed as a builtin one is: of a
    /// `collections.deque`.
    pub(crate) fn is_of_deque(&self, method: Sym, receiver: ValueId) -> bool {
        let name = self.container_method_name(self.text(method), receiver);
        name.is_some_and(|name| name.starts_with("container."))
    }

    /// `list.append`, for `<builtin>.list.append` and for `collections.deque.append` of a container.
    pub(super) fn container_method_name(&self, name: &str, receiver: ValueId) -> Option<String> {
        if let Some(method) = name.strip_prefix("<builtin>.") {
            return Some(method.to_owned());
        }
        let Value::Container(container) = self.values.get(receiver) else {
            return None;
        };
        let ty = self.container_types.get(&container)?;
        let method = name.strip_prefix(self.text(*ty))?;
        Some(format!("container{method}"))
    }
}
