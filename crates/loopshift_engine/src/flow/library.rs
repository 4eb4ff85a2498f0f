//! The plainest parts of the standard library: what only passes values on.

use super::builtin::{Args, args, args_of, call_back, pairs};
use super::dispatch::REGISTER;
use super::given::Given;
use super::value::{CallId, Value, ValueId};
use super::{FieldOwner, Flow};
use crate::ir::{Arg, ArgKind, ContainerId, ContainerKind, FuncId, Key, Node, ProtocolKind, Sym};

/// The place of the function in a call that tests what it raises: `self.assertRaises(E, f, x)`.
pub fn raising(name: &str) -> Option<usize> {
    match name {
        "unittest.TestCase.assertRaises" | "pytest.raises" => Some(1),
        "unittest.TestCase.assertRaisesRegex" => Some(2),
        _ => None,
    }
}

/// Whether the function neither calls nor keeps what it is given: all that is done with it is done by who gets the result.
pub(crate) fn passes_on(name: &str) -> bool {
    (name.starts_with("argparse.") && name.ends_with(".set_defaults"))
        || matches!(
            name,
            "functools.partial"
                | "functools.partialmethod"
                | "functools.wraps"
                | "functools.update_wrapper"
                | "functools.cache"
                | "functools.lru_cache"
                | "functools.cached_property"
                | "functools.total_ordering"
                | "abc.abstractmethod"
                | "typing.overload"
                | "typing.final"
                | "typing.cast"
                | "typing.runtime_checkable"
                | "dataclasses.dataclass"
                | "contextlib.contextmanager"
                | "contextlib.asynccontextmanager"
                // What they put into a container is followed there.
                | "bisect.insort"
                | "bisect.insort_left"
                | "bisect.insort_right"
                | "heapq.heapify"
                | "heapq.heappop"
                | "heapq.heappush"
                | "heapq.heappushpop"
                | "heapq.heapreplace"
                | "itertools.chain"
                | "itertools.chain.from_iterable"
                | "itertools.cycle"
                | "itertools.islice"
                | "itertools.repeat"
                | "random.choice"
                | "random.choices"
                | "random.sample"
        )
}

/// Functions of the standard library that only pass values on.
pub(super) fn library_function(
    flow: &mut Flow<'_>,
    index: u32,
    name: &str,
    receiver: Option<ValueId>,
) -> bool {
    if name.ends_with(".__new__") {
        let a = args(flow, index);
        flow.wait(Given::New, index, a.first());
        return true;
    }
    let a = args(flow, index);
    if let Some(place) = raising(name) {
        if !a.get(place).is_some() {
            return false;
        }
        let given = a.positional.get(place + 1..).unwrap_or_default().to_vec();
        call_back(flow, index, a.get(place), &given, Node::NONE, a.owner);
        let known = flow.sym(&format!("{name}()"));
        flow.add(a.result, Value::External(known));
        return true;
    }
    if let Some(method) = name.strip_prefix("argparse.") {
        return argument_parser(flow, method, &a);
    }
    if let Some(function) = name.strip_prefix("heapq.") {
        return heap(flow, function, &a);
    }
    match name {
        "functools.partial" | "functools.partialmethod" => {
            flow.add(a.result, Value::Partial(CallId(index)));
        }
        "functools.wraps" => flow.add(a.result, Value::Identity),
        "functools.update_wrapper"
        | "functools.cache"
        | "functools.cmp_to_key"
        | "functools.total_ordering"
        | "abc.abstractmethod"
        | "typing.overload"
        | "typing.final"
        | "typing.runtime_checkable"
        | "enum.unique"
        | "atexit.register"
        | "dataclasses.replace"
        | "weakref.proxy"
        | "types.coroutine"
        | "asyncio.coroutine" => flow.edge(a.first(), a.result),
        "functools.singledispatch" | "functools.singledispatchmethod" => {
            flow.wait(Given::Dispatch, index, a.first());
            flow.edge(a.first(), a.result);
        }
        REGISTER => flow.register(index),
        "copy.copy" | "copy.deepcopy" => {
            let method = match name {
                "copy.copy" => "__copy__",
                _ => "__deepcopy__",
            };
            let method = flow.sym(method);
            flow.edge(a.first(), a.result);
            flow.add_protocol(
                ProtocolKind::Method(method),
                a.first(),
                a.result,
                FuncId::NONE,
            );
        }
        "types.SimpleNamespace" => {
            let sym = flow.sym(name);
            for (attr, node) in &a.keywords {
                let field = flow.field(FieldOwner::External(sym), *attr);
                flow.edge(*node, field);
            }
            flow.add(a.result, Value::Object(sym, CallId(index)));
        }
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
            if name == "contextlib.closing" {
                let (close, method) = (flow.sym("close"), flow.new_node());
                flow.read_attribute(a.first(), close, method, FuncId::NONE);
                call_back(flow, index, method, &[], Node::NONE, FuncId::NONE);
            }
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
            if a.get(1).is_some() {
                pairs(flow, a.get(1), dict, a.owner);
            }
            flow.add_typed(a.result, dict, name);
        }
        "collections.OrderedDict" | "weakref.WeakValueDictionary" | "weakref.WeakKeyDictionary" => {
            let dict = flow.new_container(ContainerKind::Dict);
            flow.add_typed(a.result, dict, name);
            if a.first().is_some() {
                pairs(flow, a.first(), dict, a.owner);
            }
        }
        "collections.deque" => {
            let list = flow.new_container(ContainerKind::List);
            let elements = flow.linked.containers[list.0 as usize].elements;
            flow.add_protocol(ProtocolKind::Iter, a.first(), elements, a.owner);
            flow.add_typed(a.result, list, name);
        }
        "contextlib.ExitStack.enter_context" => {
            flow.add_protocol(ProtocolKind::Enter, a.first(), a.result, a.owner);
        }
        "contextlib.AsyncExitStack.enter_async_context" => {
            let entered = flow.new_node();
            flow.add_protocol(ProtocolKind::AsyncEnter, a.first(), entered, a.owner);
            flow.add(a.result, Value::Awaitable(entered));
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
        "itertools.takewhile" | "itertools.dropwhile" | "itertools.filterfalse" => {
            let item = flow.new_node();
            flow.add_protocol(ProtocolKind::Iter, a.get(1), item, a.owner);
            call_back(flow, index, a.first(), &[item], Node::NONE, a.owner);
            flow.add(a.result, Value::Iterator(item));
        }
        "itertools.groupby" => {
            let item = flow.new_node();
            flow.add_protocol(ProtocolKind::Iter, a.first(), item, a.owner);
            let key = match a.get(1) {
                node if node.is_some() => node,
                _ => a.keyword(flow, "key"),
            };
            let pair = flow.new_container(ContainerKind::Tuple);
            let (named, group) = (flow.item(pair, Key::Int(0)), flow.item(pair, Key::Int(1)));
            call_back(flow, index, key, &[item], named, a.owner);
            if !key.is_some() {
                flow.edge(item, named);
            }
            flow.add(group, Value::Iterator(item));
            let pairs = flow.new_node();
            flow.add(pairs, Value::Container(pair));
            flow.add(a.result, Value::Iterator(pairs));
        }
        "itertools.accumulate" => {
            let item = flow.new_node();
            flow.add_protocol(ProtocolKind::Iter, a.first(), item, a.owner);
            let function = match a.get(1) {
                node if node.is_some() => node,
                _ => a.keyword(flow, "func"),
            };
            let sum = flow.new_node();
            flow.edge(item, sum);
            call_back(flow, index, function, &[sum, item], sum, a.owner);
            flow.add(a.result, Value::Iterator(sum));
        }
        "itertools.starmap" => {
            let (row, item) = (flow.new_node(), flow.new_node());
            flow.add_protocol(ProtocolKind::Iter, a.get(1), row, a.owner);
            let spread = Arg {
                kind: ArgKind::Star,
                node: row,
            };
            flow.make_call(index, a.first(), Box::new([spread]), item, a.owner);
            flow.add(a.result, Value::Iterator(item));
        }
        "operator.attrgetter" => {
            let sym = flow.sym(name);
            flow.add(a.result, Value::Object(sym, CallId(index)));
        }
        "operator.attrgetter.__call__" => {
            if let Some(made) = args_of(flow, receiver) {
                for attr in made.positional {
                    for attr in flow.values_of(attr).collect::<Vec<_>>() {
                        if let Value::Str(attr) = attr {
                            flow.read_attribute(a.first(), attr, a.result, a.owner);
                        }
                    }
                }
            }
        }
        "weakref.ref" => {
            let sym = flow.sym(name);
            flow.add(a.result, Value::Object(sym, CallId(index)));
        }
        "weakref.ref.__call__" => {
            if let Some(made) = args_of(flow, receiver) {
                flow.edge(made.first(), a.result);
            }
        }
        "weakref.WeakSet" => {
            let set = flow.new_container(ContainerKind::Set);
            flow.add_typed(a.result, set, name);
            let elements = flow.linked.containers[set.0 as usize].elements;
            flow.add_protocol(ProtocolKind::Iter, a.first(), elements, a.owner);
        }
        "itertools.cycle" | "itertools.islice" | "itertools.repeat" => {
            let item = flow.new_node();
            if name == "itertools.repeat" {
                flow.edge(a.first(), item);
            } else {
                flow.add_protocol(ProtocolKind::Iter, a.first(), item, a.owner);
            }
            flow.add(a.result, Value::Iterator(item));
        }
        "bisect.insort" | "bisect.insort_left" | "bisect.insort_right" => {
            return heap(flow, "heappush", &a);
        }
        "random.choice" => flow.read_key(a.first(), Key::Any, a.result),
        "random.sample" | "random.choices" => {
            let list = flow.new_container(ContainerKind::List);
            let elements = flow.linked.containers[list.0 as usize].elements;
            flow.read_key(a.first(), Key::Any, elements);
            flow.add(a.result, Value::Container(list));
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
            flow.add(a.result, Value::Object(sym, CallId(index)));
        }
        "collections.namedtuple()._replace" | "typing.NamedTuple._replace" => {
            replaced(flow, &a, receiver);
        }
        "collections.namedtuple().__call__" => {
            if let Some(Value::Object(_, made)) = receiver.map(|id| flow.values.get(id))
                && made != CallId::NONE
            {
                named_tuple(flow, made, &a);
            }
        }
        _ => return false,
    }
    true
}

/// The functions that keep a list sorted, and so compare what is in it.
fn heap(flow: &mut Flow<'_>, function: &str, a: &Args) -> bool {
    let item = flow.new_node();
    match function {
        "heappush" | "heappushpop" | "heapreplace" => flow.edge(a.get(1), item),
        "heappop" | "heapify" => {}
        _ => return false,
    }
    flow.at_key(a.first(), Key::Any, item, true);
    flow.read_key(a.first(), Key::Any, item);
    if !matches!(function, "heappush" | "heapify") {
        flow.edge(item, a.result);
    }
    let less = flow.sym("__lt__");
    let compared = ProtocolKind::Binary(less, less);
    flow.add_protocol_with(compared, item, item, Node::NONE, a.owner);
    true
}

/// What a parser of arguments is told to set, `args` has: `parser.set_defaults(func=command)`, `args.func(args)`.
fn argument_parser(flow: &mut Flow<'_>, method: &str, a: &Args) -> bool {
    let namespace = flow.sym(NAMESPACE);
    if method.ends_with(".set_defaults") {
        for (name, node) in &a.keywords {
            let field = flow.field(FieldOwner::External(namespace), *name);
            flow.edge(*node, field);
        }
        return true;
    }
    if method.ends_with(".parse_args") {
        flow.add(a.result, Value::Object(namespace, CallId::NONE));
        return true;
    }
    false
}

/// The class of what a parser of arguments gives.
pub(super) const NAMESPACE: &str = "argparse.Namespace";

/// Whether objects of a class have the attributes that programs set, and no others that matter.
pub(crate) fn is_open(class: &str) -> bool {
    matches!(
        class,
        NAMESPACE | "starlette.datastructures.State" | "threading.local" | "types.SimpleNamespace"
    )
}

/// `Pair(a, b)`, with `Pair = namedtuple("Pair", "x y")`: a tuple whose items have names.
fn named_tuple(flow: &mut Flow<'_>, made: CallId, a: &Args) {
    let names = args(flow, made.0).get(1);
    let mut fields: Vec<String> = Vec::new();
    for value in flow.values_of(names).collect::<Vec<_>>() {
        match value {
            Value::Str(text) => {
                let text = flow.text(text).replace(',', " ");
                fields.extend(text.split_whitespace().map(str::to_owned));
            }
            Value::Container(list) => {
                let items = flow.linked.containers[list.0 as usize].items.clone();
                for (_, node) in items {
                    for value in flow.values_of(node) {
                        if let Value::Str(text) = value {
                            fields.push(flow.text(text).to_owned());
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let tuple = flow.new_container(ContainerKind::Tuple);
    for (place, field) in fields.iter().enumerate() {
        let given = match a.get(place) {
            node if node.is_some() => node,
            _ => a.keyword(flow, field),
        };
        let by_place = flow.item(tuple, i32::try_from(place).map_or(Key::Any, Key::Int));
        flow.edge(given, by_place);
        let name = flow.sym(field);
        let by_name = flow.item(tuple, Key::Str(name));
        flow.edge(given, by_name);
    }
    flow.add(a.result, Value::Container(tuple));
}

/// `pair._replace(b=2)`: one of the same kind, with some items of its own.
fn replaced(flow: &mut Flow<'_>, a: &Args, receiver: Option<ValueId>) {
    let Some(receiver) = receiver else { return };
    flow.add_id(a.result, receiver);
    for (name, given) in &a.keywords {
        let item = match flow.values.get(receiver) {
            Value::Container(tuple) => flow.item(tuple, Key::Str(*name)),
            Value::Instance(class) => flow.field(FieldOwner::Class(class), *name),
            _ => continue,
        };
        flow.edge(*given, item);
    }
}

impl Flow<'_> {
    /// A container of a type of its own.
    fn add_typed(&mut self, to: Node, container: ContainerId, ty: &str) {
        let sym = self.sym(ty);
        self.container_types.insert(container, sym);
        self.add(to, Value::Container(container));
    }

    /// The node of an attribute stored on an external symbol, if any is.
    pub fn external_field(&self, sym: Sym, attr: Sym) -> Option<Node> {
        self.fields.get(&(FieldOwner::External(sym), attr)).copied()
    }
}
