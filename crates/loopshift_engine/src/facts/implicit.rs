//! What the language calls by itself on objects of libraries: `for` asks for the next item, `with` enters, and so do
//! the builtins that go through what they are given.

use crate::change::Place;
use crate::flow::Target;
use crate::flow::value::Value;
use crate::ir::{ArgKind, Call, FuncId, Node, ProtocolKind};
use crate::program::Program;

/// The builtins that go through an argument.
const CONSUMERS: &[&str] = &[
    "all",
    "any",
    "dict",
    "enumerate",
    "filter",
    "frozenset",
    "list",
    "map",
    "max",
    "min",
    "next",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
];

/// The functions of the standard library that hand on the items of an argument.
const LAZY: &[&str] = &[
    "itertools.chain",
    "itertools.chain.from_iterable",
    "itertools.islice",
];

/// Who calls which method of a library's object without writing it, and where.
pub(super) fn implicit(program: &Program<'_>) -> Vec<(FuncId, Place, String)> {
    let flow = &program.flow;
    let mut out = Vec::new();
    for protocol in &flow.linked.protocols {
        let method = match protocol.kind {
            ProtocolKind::Iter => "__next__",
            ProtocolKind::Enter => "__enter__",
            _ => continue,
        };
        if protocol.owner == FuncId::NONE || protocol.range.is_empty() {
            continue;
        }
        let place = Place {
            file: program.function_file(protocol.owner),
            range: protocol.range,
        };
        for name in methods(program, protocol.base, method) {
            out.push((protocol.owner, place, name));
        }
    }
    for (file, call) in program.calls() {
        if call.owner == FuncId::NONE || !consumes(program, call) {
            continue;
        }
        let range = call.range;
        for arg in call
            .args
            .iter()
            .filter(|arg| arg.kind == ArgKind::Positional)
        {
            for name in methods(program, arg.node, "__next__") {
                out.push((call.owner, Place { file, range }, name));
            }
        }
    }
    out
}

fn consumes(program: &Program<'_>, call: &Call) -> bool {
    program.callees(call).iter().any(|target| match target {
        Target::External(sym) => {
            let name = program.flow.text(*sym);
            let Some(name) = name.strip_prefix("<builtin>.") else {
                return LAZY.contains(&name);
            };
            let method = name.rsplit_once('.').map(|(_, method)| method);
            CONSUMERS.contains(&name) || matches!(method, Some("join" | "extend"))
        }
        Target::Func(_) => false,
    })
}

/// The method of each external object that the node may be.
fn methods(program: &Program<'_>, node: Node, method: &str) -> Vec<String> {
    let flow = &program.flow;
    let values = flow.values_of(node);
    values
        .filter_map(|value| match value {
            Value::Object(class, _) => Some(format!("{}.{method}", flow.text(class))),
            _ => None,
        })
        .collect()
}
