//! Objects of the program that are called: `save(text)` is a call of `__call__`, which can be handed a task group as any other
//! method, where no other code calls the object.

use std::collections::BTreeSet;

use loopshift_engine::flow::value::Value;
use loopshift_engine::flow::{MroEntry, Target};
use loopshift_engine::ir::{ClassId, FuncId};

use crate::context::Context;

/// Functions of Python that call what they are given.
const CALLING: &[&str] = &[
    "<builtin>.filter",
    "<builtin>.iter",
    "<builtin>.map",
    "<builtin>.max",
    "<builtin>.min",
    "<builtin>.sorted",
];

/// The classes whose objects are given to code that is not seen, which may call them.
struct GivenAway(BTreeSet<ClassId>);

impl GivenAway {
    fn new(cx: &Context<'_>) -> Self {
        let flow = &cx.program.flow;
        let may_call = |name: &str| !name.starts_with("<builtin>.") || CALLING.contains(&name);
        let mut found = BTreeSet::new();
        for (_, call) in cx.program.calls() {
            let is_foreign = (cx.program.callees(call).iter()).any(|target| match target {
                Target::External(sym) => may_call(flow.text(*sym)),
                Target::Func(_) => false,
            });
            let mut callees = flow.values_of(call.callee).peekable();
            let is_unknown =
                callees.peek().is_none() || callees.any(|it| matches!(it, Value::Unknown(_)));
            if !is_foreign && !is_unknown {
                continue;
            }
            let given = call.args.iter().flat_map(|it| flow.values_of(it.node));
            found.extend(given.filter_map(|value| match value {
                Value::Instance(class) => Some(class),
                _ => None,
            }));
        }
        GivenAway(found)
    }
}

/// Whether all calls of the method `__call__` are seen.
pub(super) fn is_seen(cx: &Context<'_>, method: FuncId) -> bool {
    let Some(class) = cx.program.function(method).class else {
        return false;
    };
    let given = cx.once(GivenAway::new);
    let has_it = |it: &ClassId| {
        let mro = &cx.program.flow.mro[it.0 as usize];
        mro.contains(&MroEntry::Class(class))
    };
    !given.0.iter().any(has_it)
        && !cx.callers.of(method).is_empty()
        && cx.callers.by_language(method).is_empty()
}

/// The method `__call__` of the objects of a class.
pub(super) fn method_of(cx: &Context<'_>, class: ClassId) -> Option<FuncId> {
    let mro = cx.program.flow.mro[class.0 as usize].iter();
    let classes = mro.filter_map(|entry| match entry {
        MroEntry::Class(class) => Some(*class),
        MroEntry::External(_) => None,
    });
    classes
        .flat_map(|class| cx.program.methods(class))
        .copied()
        .find(|it| cx.program.function(*it).name() == "__call__")
}
