//! The language's own functions and the plainest parts of its standard library.
//!
//! Only what moves values from place to place stands here; what is known of libraries stands in the catalog.

use super::value::{CallId, Value, ValueId};
use super::{Constraint, FieldOwner, Flow};
use crate::ir::{
    Arg, ArgKind, ContainerId, ContainerKind, FuncId, Key, Node, ProtocolKind, Reason, Store, Sym,
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

/// Whether a name is a builtin of Python.
pub fn is_builtin(name: &str) -> bool {
    BUILTINS.binary_search(&name).is_ok()
}

/// The arguments of a call, taken apart.
struct Args {
    positional: Vec<Node>,
    keywords: Vec<(Sym, Node)>,
    result: Node,
    owner: FuncId,
}

fn args(flow: &Flow<'_>, index: u32) -> Args {
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
    fn first(&self) -> Node {
        self.get(0)
    }
    fn get(&self, place: usize) -> Node {
        self.positional.get(place).copied().unwrap_or(Node::NONE)
    }
    fn keyword(&self, flow: &Flow<'_>, name: &str) -> Node {
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
        && let Some(method) = name.strip_prefix("<builtin>.")
    {
        return builtin_method(flow, index, method, receiver);
    }
    match name.strip_prefix("<builtin>.") {
        Some(name) => builtin_function(flow, index, name),
        None => library_function(flow, index, &name),
    }
}

fn builtin_function(flow: &mut Flow<'_>, index: u32, name: &str) -> bool {
    let a = args(flow, index);
    match name {
        "super" => {
            if a.positional.len() == 2 {
                let classes: Vec<Value> = flow.values_of(a.first()).collect();
                let receivers: Vec<ValueId> = flow.set(a.get(1)).to_vec();
                for class in classes {
                    if let Value::Class(class) = class {
                        for receiver in &receivers {
                            flow.add(a.result, Value::Super(class, *receiver));
                        }
                    }
                }
            } else if let Some((_, this)) = flow.linked.calls[index as usize].method {
                flow.constrain(this, Constraint::SuperSelf(index));
            }
        }
        "property" => {
            let setters = functions(flow, a.get(1));
            for getter in functions(flow, a.first()) {
                let setter = setters.first().copied().unwrap_or(FuncId::NONE);
                flow.add(a.result, Value::Property(getter, setter));
            }
        }
        "staticmethod" => {
            for func in functions(flow, a.first()) {
                flow.add(a.result, Value::Static(func));
            }
        }
        "classmethod" => {
            for func in functions(flow, a.first()) {
                flow.add(a.result, Value::ClassMethod(func));
            }
        }
        "list" | "tuple" | "set" | "frozenset" | "sorted" | "reversed" | "iter" | "enumerate"
        | "filter" | "min" | "max" | "sum" | "any" | "all" | "next" | "zip" | "map" | "dict" => {
            iteration(flow, index, name, &a);
        }
        "getattr" => {
            attribute(flow, a.first(), a.get(1), a.result, a.owner);
            flow.edge(a.get(2), a.result);
        }
        "setattr" => {
            for key in flow.values_of(a.get(1)).collect::<Vec<_>>() {
                if let Value::Str(attr) = key {
                    for base in flow.set(a.first()).to_vec() {
                        flow.stored.insert(attr);
                        let store = Store {
                            base: a.first(),
                            attr,
                            from: a.get(2),
                            owner: a.owner,
                            class: None,
                        };
                        flow.store(base, store);
                    }
                }
            }
        }
        "type" if a.positional.len() == 1 => {
            for value in flow.values_of(a.first()).collect::<Vec<_>>() {
                match value {
                    Value::Instance(class) => flow.add(a.result, Value::Class(class)),
                    Value::Object(ty, _) => flow.add(a.result, Value::External(ty)),
                    _ => {}
                }
            }
        }
        "str" | "repr" | "len" | "hash" | "int" | "float" | "bool" | "bytes" | "format" | "abs" => {
            let method = match name {
                "format" => "__format__".to_owned(),
                "int" | "float" | "bool" | "bytes" | "str" | "repr" | "len" | "hash" | "abs" => {
                    format!("__{name}__")
                }
                _ => return false,
            };
            let method = flow.sym(&method);
            flow.add_protocol(ProtocolKind::Method(method), a.first(), Node::NONE, a.owner);
            if matches!(name, "str" | "repr" | "bytes" | "format") {
                let ty = flow.sym(if name == "bytes" {
                    "<builtin>.bytes"
                } else {
                    "<builtin>.str"
                });
                flow.add(a.result, Value::Object(ty, CallId::NONE));
            }
        }
        "print" | "isinstance" | "issubclass" | "callable" | "id" | "hasattr" | "range"
        | "round" | "ord" | "chr" | "divmod" | "pow" | "delattr" | "dir" | "bin" | "hex"
        | "oct" | "breakpoint" | "ascii" => {}
        "vars" | "locals" | "globals" | "eval" | "exec" | "__import__" | "compile" => {
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
                to: a.result,
                owner: a.owner,
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
    let key = a.keyword(flow, "key");
    if key.is_some() {
        let scratch = flow.new_node();
        call_back(flow, index, key, &[item], scratch, a.owner);
    }
    let kind = match name {
        "list" | "sorted" => ContainerKind::List,
        "tuple" => ContainerKind::Tuple,
        "set" | "frozenset" => ContainerKind::Set,
        _ => ContainerKind::Iterator,
    };
    match name {
        "any" | "all" | "sum" => {}
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
            let scratch = flow.new_node();
            call_back(flow, index, a.first(), &[item], scratch, a.owner);
            flow.add(a.result, Value::Iterator(item));
        }
        "iter" | "reversed" => flow.add(a.result, Value::Iterator(item)),
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
fn pairs(flow: &mut Flow<'_>, source: Node, container: ContainerId, owner: FuncId) {
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
fn call_back(
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

/// `getattr(base, "name")`.
fn attribute(flow: &mut Flow<'_>, base: Node, name: Node, to: Node, owner: FuncId) {
    let names: Vec<Sym> = flow
        .values_of(name)
        .filter_map(|value| match value {
            Value::Str(sym) => Some(sym),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        flow.unknown(to, Reason::Dynamic);
    }
    for attr in names {
        let index = u32::try_from(flow.linked.loads.len()).unwrap_or(u32::MAX);
        flow.linked.loads.push(crate::ir::Load {
            base,
            attr,
            to,
            owner,
        });
        flow.constrain(base, Constraint::Load(index));
    }
}

fn functions(flow: &Flow<'_>, node: Node) -> Vec<FuncId> {
    flow.values_of(node)
        .filter_map(|value| match value {
            Value::Func(func) | Value::Static(func) | Value::ClassMethod(func) => Some(func),
            _ => None,
        })
        .collect()
}

fn builtin_method(flow: &mut Flow<'_>, index: u32, method: &str, receiver: ValueId) -> bool {
    let a = args(flow, index);
    let Some((ty, name)) = method.split_once('.') else {
        return false;
    };
    if matches!(ty, "generator" | "coroutine") {
        if matches!(
            name,
            "__next__" | "send" | "throw" | "asend" | "__anext__" | "athrow"
        ) {
            flow.iterate(receiver, a.result, a.owner);
        }
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
        if name == "join" {
            let scratch = flow.new_node();
            flow.add_protocol(ProtocolKind::Iter, a.first(), scratch, a.owner);
        }
        return true;
    }
    let Value::Container(container) = flow.values.get(receiver) else {
        return true;
    };
    container_method(flow, name, container, receiver, &a);
    true
}

fn container_method(
    flow: &mut Flow<'_>,
    name: &str,
    container: ContainerId,
    receiver: ValueId,
    a: &Args,
) {
    let (elements, keys, kind) = {
        let known = &flow.linked.containers[container.0 as usize];
        (known.elements, known.keys, known.kind)
    };
    let key_of = |flow: &Flow<'_>, node: Node| -> Vec<Key> {
        let known: Vec<Key> = flow
            .values_of(node)
            .filter_map(|value| match value {
                Value::Str(sym) => Some(Key::Str(sym)),
                Value::Int(int) => Some(Key::Int(int)),
                _ => None,
            })
            .collect();
        if known.is_empty() {
            vec![Key::Any]
        } else {
            known
        }
    };
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
        "get" | "setdefault" | "pop" | "popleft" | "popitem" => {
            if kind == ContainerKind::Dict {
                for key in key_of(flow, a.first()) {
                    flow.access(container, key, a.result, false);
                }
                flow.edge(a.get(1), a.result);
                if name == "setdefault" {
                    for key in key_of(flow, a.first()) {
                        flow.access(container, key, a.get(1), true);
                    }
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
            flow.edge(keys, first);
            flow.contents(container, second);
            let node = flow.new_node();
            flow.add(node, Value::Container(pair));
            flow.add(a.result, Value::Iterator(node));
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
                let scratch = flow.new_node();
                flow.make_call(u32::MAX, key, list, scratch, a.owner);
            }
        }
        _ => {}
    }
}

/// Functions of the standard library that only pass values on.
fn library_function(flow: &mut Flow<'_>, index: u32, name: &str) -> bool {
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
            for getter in functions(flow, a.first()) {
                flow.add(a.result, Value::Property(getter, FuncId::NONE));
            }
        }
        "contextlib.contextmanager" | "contextlib.asynccontextmanager" => {
            for func in functions(flow, a.first()) {
                flow.add(a.result, Value::ManagerFactory(func));
            }
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
            for func in functions(flow, a.first()) {
                for receiver in flow.set(a.get(1)).to_vec() {
                    flow.add(a.result, Value::Bound(func, receiver));
                }
            }
        }
        "importlib.import_module" => {
            for value in flow.values_of(a.first()).collect::<Vec<_>>() {
                if let Value::Str(name) = value {
                    let module = flow.module_value(name);
                    flow.add(a.result, module);
                }
            }
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

/// The builtins, sorted.
const BUILTINS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BaseExceptionGroup",
    "BlockingIOError",
    "BrokenPipeError",
    "BufferError",
    "BytesWarning",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DeprecationWarning",
    "EOFError",
    "Ellipsis",
    "EncodingWarning",
    "EnvironmentError",
    "Exception",
    "ExceptionGroup",
    "False",
    "FileExistsError",
    "FileNotFoundError",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "IOError",
    "ImportError",
    "ImportWarning",
    "IndentationError",
    "IndexError",
    "InterruptedError",
    "IsADirectoryError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "None",
    "NotADirectoryError",
    "NotImplemented",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PendingDeprecationWarning",
    "PermissionError",
    "ProcessLookupError",
    "RecursionError",
    "ReferenceError",
    "ResourceWarning",
    "RuntimeError",
    "RuntimeWarning",
    "StopAsyncIteration",
    "StopIteration",
    "SyntaxError",
    "SyntaxWarning",
    "SystemError",
    "SystemExit",
    "TabError",
    "TimeoutError",
    "True",
    "TypeError",
    "UnboundLocalError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeError",
    "UnicodeTranslateError",
    "UnicodeWarning",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
    "__build_class__",
    "__debug__",
    "__import__",
    "abs",
    "aiter",
    "all",
    "anext",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "copyright",
    "credits",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "exit",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "license",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "quit",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];
