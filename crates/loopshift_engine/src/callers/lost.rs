//! Methods that are called on what is not followed, and may be those of objects that have got out of sight.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::change::Place;
use crate::flow::value::Value;
use crate::flow::{Flow, MroEntry};
use crate::ir::{ClassId, FuncId, Node, Reason, Sym};
use crate::program::Program;

/// Adds the methods of classes, objects of which are out of sight, that some call on something unknown has the name of.
pub(super) fn methods(
    program: &Program<'_>,
    classes: &BTreeSet<ClassId>,
    out: &mut BTreeMap<FuncId, String>,
) {
    if classes.is_empty() {
        return;
    }
    let flow = &program.flow;
    let called = called(program);
    for class in classes {
        let bases = flow.mro[class.0 as usize].iter();
        let methods = bases.flat_map(|entry| match entry {
            MroEntry::Class(class) => program.methods(*class),
            MroEntry::External(_) => &[],
        });
        for func in methods {
            let name = program.function(*func).name();
            let name_of = flow.linked.symbols.find(name);
            let Some(place) = name_of.and_then(|name| called.get(&name)) else {
                continue;
            };
            out.entry(*func).or_insert_with(|| {
                let path = &program.file(place.file).path;
                let class = &program.class(*class).1.qualname;
                format!(
                    "`{name}` at line {} of {path} is called on something that is not followed, and that may be a `{class}`",
                    program.line(*place)
                )
            });
        }
    }
}

/// The names of the methods that are called on something unknown, each with its first place.
fn called(program: &Program<'_>) -> FxHashMap<Sym, Place> {
    let flow = &program.flow;
    let loads = flow.linked.loads.iter();
    let loads: FxHashMap<Node, (Sym, Node)> = loads
        .map(|load| (load.to, (load.attr, load.base)))
        .collect();
    let mut out = FxHashMap::default();
    for (file, call) in program.calls() {
        if let Some((attr, base)) = loads.get(&call.callee)
            && is_unknown(flow, *base)
        {
            let range = call.range;
            out.entry(*attr).or_insert(Place { file, range });
        }
    }
    out
}

/// Whether a node is something that is not followed: what code that can't be seen gives. Where it may be an object of the
/// program, that is taken for all it may be of it.
fn is_unknown(flow: &Flow<'_>, node: Node) -> bool {
    let mut values = flow.values_of(node).peekable();
    let mut unknown = values.peek().is_none();
    for value in values {
        match value {
            Value::Instance(_) => return false,
            Value::Unknown(reason) => unknown |= reason != Reason::Parameter,
            Value::External(sym) => unknown |= flow.text(sym).ends_with("()"),
            Value::ExternalBound(..) => unknown = true,
            _ => {}
        }
    }
    unknown
}
