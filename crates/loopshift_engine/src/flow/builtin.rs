//! The language's own functions and the plainest parts of its standard library.
//!
//! Only what moves values from place to place stands here; what is known of libraries stands in the catalog.

use super::given::Given;
use super::value::{CallId, Value, ValueId};
use super::{Constraint, Flow};
use loopshift_python::TextRange;

use crate::ir::{
    Arg, ArgKind, ContainerId, ContainerKind, FuncId, Key, Node, ProtocolKind, Reason, Sym,
    TextForm,
};

/// The name of the builtin type of a container.
pub(super) fn container_type(kind: ContainerKind) -> &'static str {
    match kind {
        ContainerKind::List => "list",
        ContainerKind::Tuple => "tuple",
        ContainerKind::Set => "set",
        ContainerKind::Dict => "dict",
        ContainerKind::Iterator => "generator",
    }
}

/// The arguments of a call, taken apart.
pub(super) struct Args {
    pub(super) positional: Vec<Node>,
    pub(super) keywords: Vec<(Sym, Node)>,
    pub(super) result: Node,
    pub(super) owner: FuncId,
}

/// What the call was given that made an object; nothing where that is not seen, of one that an annotation names.
pub(super) fn args_of(flow: &Flow<'_>, object: Option<ValueId>) -> Option<Args> {
    match flow.values.get(object?) {
        Value::Object(_, made) if made != CallId::NONE => Some(args(flow, made.0)),
        _ => None,
    }
}

pub(super) fn args(flow: &Flow<'_>, index: u32) -> Args {
    let call = &flow.linked.calls[index as usize];
    let mut positional = Vec::new();
    let mut keywords = Vec::new();
    for arg in &call.args {
        match arg.kind {
            ArgKind::Positional => positional.push(arg.node),
            ArgKind::Keyword(name) => keywords.push((name, arg.node)),
            ArgKind::Star | ArgKind::DoubleStar => {}
        }
    }
    Args {
        positional,
        keywords,
        result: call.result,
        owner: call.owner,
    }
}

impl Args {
    pub(super) fn first(&self) -> Node {
        self.get(0)
    }
    pub(super) fn get(&self, place: usize) -> Node {
        self.positional.get(place).copied().unwrap_or(Node::NONE)
    }
    pub(super) fn keyword(&self, flow: &Flow<'_>, name: &str) -> Node {
        self.keywords
            .iter()
            .find(|(sym, _)| flow.text(*sym) == name)
            .map_or(Node::NONE, |(_, node)| *node)
    }
}

/// Does what a call of the builtin does; `false` where the builtin is none that moves values.
pub(super) fn call(flow: &mut Flow<'_>, index: u32, sym: Sym, receiver: Option<ValueId>) -> bool {
    let name = flow.text(sym).to_owned();
    if let Some(receiver) = receiver
        && let Some(method) = flow.container_method_name(&name, receiver)
    {
        return super::methods::builtin_method(flow, index, &method, receiver);
    }
    match name.strip_prefix("<builtin>.") {
        Some(name) => builtin_function(flow, index, name),
        None => super::library::library_function(flow, index, &name, receiver),
    }
}

fn builtin_function(flow: &mut Flow<'_>, index: u32, name: &str) -> bool {
    let a = args(flow, index);
    match name {
        "super" => {
            if a.positional.len() == 2 {
                flow.wait(Given::Super, index, a.first());
                flow.wait(Given::Super, index, a.get(1));
            } else if let Some((_, this)) = flow.linked.calls[index as usize].method {
                flow.constrain(this, Constraint::SuperSelf(index));
            }
        }
        "property" => {
            let part = |place: usize, name: &str| match a.get(place) {
                node if node.is_some() => node,
                _ => a.keyword(flow, name),
            };
            let (getter, setter) = (part(0, "fget"), part(1, "fset"));
            flow.add(a.result, Value::Property(getter, setter));
        }
        "staticmethod" => flow.wait(Given::Static, index, a.first()),
        "classmethod" => flow.wait(Given::ClassMethod, index, a.first()),
        // `iter(f, end)` calls for each item.
        "iter" if a.positional.len() == 2 => {
            let item = flow.new_node();
            call_back(flow, index, a.first(), &[], item, a.owner);
            flow.add(a.result, Value::Iterator(item));
        }
        "list" | "tuple" | "set" | "frozenset" | "sorted" | "reversed" | "iter" | "enumerate"
        | "filter" | "min" | "max" | "sum" | "any" | "all" | "next" | "zip" | "map" | "dict" => {
            iteration(flow, index, name, &a);
        }
        "getattr" => {
            flow.wait(Given::GetAttr, index, a.get(1));
            flow.edge(a.get(2), a.result);
            let known =
                |id: &ValueId| matches!(flow.values.get(*id), Value::Str(_) | Value::Start(_));
            if !flow.set(a.get(1)).iter().any(known) {
                flow.unknown(a.result, Reason::Dynamic);
            }
        }
        "setattr" => {
            flow.wait(Given::SetAttr, index, a.get(1));
        }
        // It is like nothing else: `END = object()`.
        "object" => {
            let ty = flow.sym("<builtin>.object");
            flow.add(a.result, Value::Object(ty, CallId::NONE));
        }
        "type.__new__" => flow.wait(Given::NewClass, index, a.first()),
        "object.__new__" => flow.wait(Given::New, index, a.first()),
        "type" if a.positional.len() == 1 => {
            flow.wait(Given::Type, index, a.first());
        }
        "str" | "repr" | "len" | "hash" | "int" | "float" | "bool" | "bytes" | "format" | "abs" => {
            let kind = match name {
                "format" => ProtocolKind::Text(TextForm::Format),
                "str" => ProtocolKind::Text(TextForm::Str),
                "repr" => ProtocolKind::Text(TextForm::Repr),
                "bool" => ProtocolKind::Truth,
                _ => ProtocolKind::Method(flow.sym(&format!("__{name}__"))),
            };
            flow.add_protocol(kind, a.first(), Node::NONE, a.owner);
            if matches!(name, "str" | "repr" | "bytes" | "format") {
                let ty = flow.sym(if name == "bytes" {
                    "<builtin>.bytes"
                } else {
                    "<builtin>.str"
                });
                flow.add(a.result, Value::Object(ty, CallId::NONE));
            }
        }
        "print" => {
            for node in a.positional {
                flow.wait(Given::Text, index, node);
            }
        }
        "round" | "dir" | "complex" => {
            if name == "dir" {
                let text = flow.sym("<builtin>.str");
                let item = flow.new_node();
                flow.add(item, Value::Object(text, CallId::NONE));
                flow.add(a.result, Value::Iterator(item));
            }
            let method = flow.sym(&format!("__{name}__"));
            flow.add_protocol(ProtocolKind::Method(method), a.first(), Node::NONE, a.owner);
        }
        "bin" | "hex" | "oct" | "range" => {
            let method = flow.sym("__index__");
            for node in a.positional {
                flow.add_protocol(ProtocolKind::Method(method), node, Node::NONE, a.owner);
            }
        }
        "divmod" | "pow" => {
            let method = flow.sym(&format!("__{name}__"));
            flow.add_protocol(ProtocolKind::Method(method), a.first(), a.result, a.owner);
        }
        "aiter" => {
            let item = flow.new_node();
            flow.add_protocol(ProtocolKind::AsyncIter, a.first(), item, a.owner);
            flow.add(a.result, Value::Iterator(item));
        }
        "anext" => {
            let item = flow.new_node();
            let number = u32::try_from(flow.linked.protocols.len()).unwrap_or(u32::MAX);
            flow.linked.protocols.push(crate::ir::Protocol {
                kind: ProtocolKind::AsyncIter,
                base: a.first(),
                arg: Node::NONE,
                to: item,
                owner: a.owner,
                range: TextRange::default(),
            });
            flow.constrain(a.first(), Constraint::Next(number));
            flow.add(a.result, Value::Awaitable(item));
        }
        "dict.fromkeys" => {
            let dict = flow.new_container(ContainerKind::Dict);
            let (keys, elements) = {
                let made = &flow.linked.containers[dict.0 as usize];
                (made.keys, made.elements)
            };
            flow.add_protocol(ProtocolKind::Iter, a.first(), keys, a.owner);
            flow.edge(a.get(1), elements);
            flow.add(a.result, Value::Container(dict));
        }
        "isinstance" | "issubclass" | "callable" | "id" | "hasattr" | "ord" | "chr" | "delattr"
        | "breakpoint" | "ascii" => {}
        "globals" => {
            let written = flow.written(CallId(index)).0 as usize;
            if let Some(file) = flow.linked.call_files.get(written) {
                flow.add(a.result, Value::Module(file.0));
            }
            flow.unknown(a.result, Reason::Dynamic);
        }
        "vars" | "locals" | "eval" | "exec" | "__import__" | "compile" => {
            flow.unknown(a.result, Reason::Dynamic);
        }
        _ => return false,
    }
    true
}

/// The builtins that go through an iterable.
fn iteration(flow: &mut Flow<'_>, index: u32, name: &str, a: &Args) {
    let item = flow.new_node();
    let source = if name == "map" || name == "filter" {
        a.get(1)
    } else {
        a.first()
    };
    match name {
        "next" => {
            let number = u32::try_from(flow.linked.protocols.len()).unwrap_or(u32::MAX);
            flow.linked.protocols.push(crate::ir::Protocol {
                kind: ProtocolKind::Iter,
                base: source,
                arg: Node::NONE,
                to: a.result,
                owner: a.owner,
                range: TextRange::default(),
            });
            flow.constrain(source, Constraint::Next(number));
            flow.edge(a.get(1), a.result);
            return;
        }
        "min" | "max" if a.positional.len() > 1 => {
            for node in &a.positional {
                flow.edge(*node, item);
            }
        }
        "zip" => {}
        "dict" => {
            let container = flow.new_container(ContainerKind::Dict);
            flow.add(a.result, Value::Container(container));
            for (name, node) in &a.keywords {
                let slot = flow.item(container, Key::Str(*name));
                flow.edge(*node, slot);
            }
            if source.is_some() {
                flow.constrain(source, Constraint::Merge(container));
                pairs(flow, source, container, a.owner);
            }
            return;
        }
        _ => flow.add_protocol(ProtocolKind::Iter, source, item, a.owner),
    }
    let compared = match name {
        "sorted" | "min" => "__lt__",
        "max" => "__gt__",
        _ => "",
    };
    if !compared.is_empty() && !a.keyword(flow, "key").is_some() {
        let method = flow.sym(compared);
        flow.add_protocol_with(
            ProtocolKind::Binary(method, method),
            item,
            item,
            Node::NONE,
            a.owner,
        );
    }
    if name == "sum" {
        // From zero on: the first is added to a number, the rest to what came of it.
        let (add, reflected) = (flow.sym("__add__"), flow.sym("__radd__"));
        let start = a.get(1);
        if start.is_some() {
            flow.edge(start, a.result);
            flow.add_protocol_with(
                ProtocolKind::Binary(add, reflected),
                start,
                item,
                a.result,
                a.owner,
            );
        } else {
            flow.add_protocol(ProtocolKind::Method(reflected), item, a.result, a.owner);
        }
        flow.add_protocol_with(
            ProtocolKind::Binary(add, reflected),
            a.result,
            item,
            a.result,
            a.owner,
        );
    }
    let key = a.keyword(flow, "key");
    if key.is_some() {
        let scratch = Node::NONE;
        call_back(flow, index, key, &[item], scratch, a.owner);
    }
    let kind = match name {
        "list" | "sorted" => ContainerKind::List,
        "tuple" => ContainerKind::Tuple,
        "set" | "frozenset" => ContainerKind::Set,
        _ => ContainerKind::Iterator,
    };
    match name {
        "sum" => {}
        "any" | "all" => flow.add_protocol(ProtocolKind::Truth, item, Node::NONE, a.owner),
        "min" | "max" => flow.edge(item, a.result),
        "map" => {
            let mut items = vec![item];
            for node in a.positional.iter().skip(2) {
                let other = flow.new_node();
                flow.add_protocol(ProtocolKind::Iter, *node, other, a.owner);
                items.push(other);
            }
            let mapped = flow.new_node();
            call_back(flow, index, a.first(), &items, mapped, a.owner);
            flow.add(a.result, Value::Iterator(mapped));
        }
        "filter" => {
            let scratch = Node::NONE;
            call_back(flow, index, a.first(), &[item], scratch, a.owner);
            flow.add(a.result, Value::Iterator(item));
        }
        "iter" => flow.wait(Given::Iter(item), index, source),
        "reversed" => {
            let method = flow.sym("__reversed__");
            flow.add_protocol(ProtocolKind::Method(method), source, a.result, a.owner);
            flow.add(a.result, Value::Iterator(item));
        }
        "enumerate" => {
            let pair = flow.new_container(ContainerKind::Tuple);
            let slot = flow.item(pair, Key::Int(1));
            flow.edge(item, slot);
            let node = flow.new_node();
            flow.add(node, Value::Container(pair));
            flow.add(a.result, Value::Iterator(node));
        }
        "zip" => {
            let row = flow.new_container(ContainerKind::Tuple);
            for (place, node) in a.positional.iter().enumerate() {
                let key = i32::try_from(place).map_or(Key::Any, Key::Int);
                let slot = flow.item(row, key);
                flow.add_protocol(ProtocolKind::Iter, *node, slot, a.owner);
            }
            let starred: Vec<Node> = (flow.linked.calls[index as usize].args.iter())
                .filter(|arg| arg.kind == ArgKind::Star)
                .map(|arg| arg.node)
                .collect();
            let elements = flow.linked.containers[row.0 as usize].elements;
            for list in starred {
                let each = flow.new_node();
                flow.add_protocol(ProtocolKind::Iter, list, each, a.owner);
                flow.add_protocol(ProtocolKind::Iter, each, elements, a.owner);
            }
            let node = flow.new_node();
            flow.add(node, Value::Container(row));
            flow.add(a.result, Value::Iterator(node));
        }
        _ => {
            let container = flow.new_container(kind);
            let elements = flow.linked.containers[container.0 as usize].elements;
            flow.edge(item, elements);
            flow.add(a.result, Value::Container(container));
        }
    }
}

/// A dict made of pairs.
pub(super) fn pairs(flow: &mut Flow<'_>, source: Node, container: ContainerId, owner: FuncId) {
    let pair = flow.new_node();
    flow.add_protocol(ProtocolKind::Iter, source, pair, owner);
    let (keys, elements) = {
        let dict = &flow.linked.containers[container.0 as usize];
        (dict.keys, dict.elements)
    };
    flow.read_key(pair, Key::Int(0), keys);
    flow.read_key(pair, Key::Int(1), elements);
}

/// A builtin calls a function that it was given: an edge of the call graph.
pub(super) fn call_back(
    flow: &mut Flow<'_>,
    index: u32,
    callee: Node,
    given: &[Node],
    to: Node,
    owner: FuncId,
) {
    let list: Box<[Arg]> = given
        .iter()
        .map(|node| Arg {
            kind: ArgKind::Positional,
            node: *node,
        })
        .collect();
    if callee.is_some() {
        flow.make_call(index, callee, list, to, owner);
    }
}
