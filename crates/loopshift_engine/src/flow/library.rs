//! The plainest parts of the standard library: what only passes values on.

use super::builtin::{args, call_back, pairs};
use super::given::Given;
use super::value::{CallId, Value};
use super::{FieldOwner, Flow};
use crate::ir::{ContainerKind, FuncId, Node, ProtocolKind, Sym};

/// Functions of the standard library that only pass values on.
pub(super) fn library_function(flow: &mut Flow<'_>, index: u32, name: &str) -> bool {
    let a = args(flow, index);
    match name {
        "functools.partial" | "functools.partialmethod" => {
            flow.add(a.result, Value::Partial(CallId(index)));
        }
        "functools.wraps" => flow.add(a.result, Value::Identity),
        "functools.update_wrapper"
        | "functools.cache"
        | "functools.total_ordering"
        | "functools.singledispatch"
        | "abc.abstractmethod"
        | "typing.overload"
        | "typing.final"
        | "typing.runtime_checkable"
        | "enum.unique"
        | "atexit.register"
        | "copy.copy"
        | "copy.deepcopy"
        | "weakref.proxy"
        | "types.coroutine"
        | "asyncio.coroutine" => flow.edge(a.first(), a.result),
        "typing.cast" => flow.edge(a.get(1), a.result),
        "functools.lru_cache" | "dataclasses.dataclass" => {
            if a.positional.is_empty() {
                flow.add(a.result, Value::Identity);
            } else {
                flow.edge(a.first(), a.result);
            }
        }
        "functools.cached_property" => {
            flow.add(a.result, Value::Property(a.first(), Node::NONE));
        }
        "contextlib.contextmanager" | "contextlib.asynccontextmanager" => {
            flow.wait(Given::Manager, index, a.first());
        }
        "contextlib.closing" | "contextlib.aclosing" | "contextlib.nullcontext" => {
            flow.add(a.result, Value::Manager(a.first()));
        }
        "functools.reduce" => {
            let item = flow.new_node();
            flow.add_protocol(ProtocolKind::Iter, a.get(1), item, a.owner);
            flow.edge(a.get(2), a.result);
            flow.edge(item, a.result);
            call_back(flow, index, a.first(), &[a.result, item], a.result, a.owner);
        }
        "collections.defaultdict" => {
            let dict = flow.new_container(ContainerKind::Dict);
            let elements = flow.linked.containers[dict.0 as usize].elements;
            call_back(flow, index, a.first(), &[], elements, FuncId::NONE);
            flow.add(a.result, Value::Container(dict));
        }
        "collections.OrderedDict" => {
            let dict = flow.new_container(ContainerKind::Dict);
            flow.add(a.result, Value::Container(dict));
            if a.first().is_some() {
                pairs(flow, a.first(), dict, a.owner);
            }
        }
        "collections.deque" => {
            let list = flow.new_container(ContainerKind::List);
            let elements = flow.linked.containers[list.0 as usize].elements;
            flow.add_protocol(ProtocolKind::Iter, a.first(), elements, a.owner);
            flow.add(a.result, Value::Container(list));
        }
        "itertools.chain" => {
            let item = flow.new_node();
            for node in &a.positional {
                flow.add_protocol(ProtocolKind::Iter, *node, item, a.owner);
            }
            flow.add(a.result, Value::Iterator(item));
        }
        "itertools.chain.from_iterable" => {
            let (inner, item) = (flow.new_node(), flow.new_node());
            flow.add_protocol(ProtocolKind::Iter, a.first(), inner, a.owner);
            flow.add_protocol(ProtocolKind::Iter, inner, item, a.owner);
            flow.add(a.result, Value::Iterator(item));
        }
        "itertools.cycle" | "itertools.islice" | "itertools.takewhile" | "itertools.repeat" => {
            let item = flow.new_node();
            if name == "itertools.repeat" {
                flow.edge(a.first(), item);
            } else {
                flow.add_protocol(ProtocolKind::Iter, a.first(), item, a.owner);
            }
            flow.add(a.result, Value::Iterator(item));
        }
        "dataclasses.field" => {
            let factory = a.keyword(flow, "default_factory");
            if factory.is_some() {
                call_back(flow, index, factory, &[], a.result, FuncId::NONE);
            }
            let default = a.keyword(flow, "default");
            flow.edge(default, a.result);
        }
        "types.MethodType" => {
            flow.wait(Given::Method, index, a.first());
            flow.wait(Given::Method, index, a.get(1));
        }
        "importlib.import_module" => {
            flow.wait(Given::Import, index, a.first());
        }
        "collections.namedtuple" => {
            let sym = flow.sym("collections.namedtuple()");
            flow.add(a.result, Value::External(sym));
        }
        _ => return false,
    }
    true
}

impl Flow<'_> {
    /// The node of an attribute stored on an external symbol, if any is.
    pub fn external_field(&self, sym: Sym, attr: Sym) -> Option<Node> {
        self.fields.get(&(FieldOwner::External(sym), attr)).copied()
    }
}
