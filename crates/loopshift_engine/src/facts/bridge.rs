//! Functions that can't become async and wait all the same: they stay sync, behind bridges.
//!
//! A bridge runs such a function in a thread that takes turns with the event loop; another one leads from there back to
//! what is async. Where the bridges stand is a choice: the fewest of them, and then the fewest functions between them.

use std::collections::BTreeMap;

use super::calls::Calls;
use super::cut::{Graph, NEVER};
use super::{Cause, Colour, Facts};
use crate::change::Place;
use crate::flow::Target;
use crate::flow::value::Value;
use crate::ir::{FuncId, FunctionKind};
use crate::program::{Callers, Program};

/// What a function costs that stays: more than any bridges.
const FUNCTION: u32 = 1 << 12;

/// What has called the functions it is given, each time, before it returns, and in the thread that called it.
const AT_ONCE: &[&str] = &[
    "<builtin>.list.sort",
    "<builtin>.max",
    "<builtin>.min",
    "<builtin>.sorted",
    "functools.reduce",
    "heapq.nlargest",
    "heapq.nsmallest",
    "re.Pattern.sub",
    "re.Pattern.subn",
    "re.sub",
    "re.subn",
];

/// All calls that run a function, with the functions in which they stand, where each of them can hold a bridge; `None`
/// where that can't be known.
pub(super) fn sites(
    program: &Program<'_>,
    callers: &Callers,
    calls: &Calls,
    func: FuncId,
) -> Option<Vec<(FuncId, Place)>> {
    let function = program.function(func);
    let name = function.name();
    let is_special = function.class.is_some() && name.starts_with("__") && name.ends_with("__");
    let by_others = callers.is_unseen(func) || !callers.by_language(func).is_empty();
    let has_metaclass =
        (function.class).is_some_and(|class| program.flow.metaclasses.contains_key(&class));
    if by_others
        || (is_special && (name != "__init__" || has_metaclass))
        || function.is_generator
        || function.is_async
        || function.kind == FunctionKind::Module
    {
        return None;
    }
    let mut out = Vec::new();
    let written = |place: Place| {
        let mut sites = callers.of(func).iter();
        sites.any(|site| site.place == place && site.owner != FuncId::NONE)
    };
    for site in callers.of(func) {
        // What makes an object calls its `__init__` by itself.
        if site.owner == FuncId::NONE && name == "__init__" && written(site.place) {
            continue;
        }
        let is_known = calls.known.contains(&(func, site.place));
        let by_library = !calls.spawns.contains(&site.place) && is_at_once(program, site.place);
        if !is_known && !by_library {
            return None;
        }
        let owner = if site.owner == FuncId::NONE {
            program.function_at(site.place)
        } else {
            site.owner
        };
        out.push((owner, site.place));
    }
    (!out.is_empty()).then_some(out)
}

/// Whether what is called at a place has called all that it calls when it returns.
fn is_at_once(program: &Program<'_>, place: Place) -> bool {
    let mut calls = program.calls_within(place);
    let Some(call) = calls.find(|call| call.range == place.range) else {
        return false;
    };
    let known = |target: Target| match target {
        Target::External(sym) => AT_ONCE.contains(&program.flow.text(sym)),
        Target::Func(_) => false,
    };
    let mut values = program.flow.values_of(call.callee);
    !values.any(|value| matches!(value, Value::Unknown(_)))
        && program.callees(call).iter().copied().all(known)
}

/// Decides which functions stay sync behind bridges; those that can't be async are among them. False where there is no
/// such choice.
pub(super) fn part(
    program: &Program<'_>,
    callers: &Callers,
    calls: &Calls,
    facts: &mut Facts,
) -> bool {
    let coloured: Vec<FuncId> = program
        .functions()
        .filter(|func| !facts.causes(*func).is_empty())
        .collect();
    let index: BTreeMap<FuncId, usize> = coloured.iter().copied().zip(0..).collect();
    let mut graph = Graph::new(coloured.len());
    for (at, func) in coloured.iter().enumerate() {
        let mut waits = 0;
        let mut is_task = calls.spawned.contains_key(func);
        for cause in facts.causes(*func) {
            let (other, cost) = match cause {
                // A lambda can't hold a bridge.
                Cause::Call { callee, .. }
                    if program.function(*func).kind == FunctionKind::Lambda =>
                {
                    (callee, NEVER)
                }
                Cause::Call { callee, .. } => (callee, 1),
                Cause::Operation(other) | Cause::Override(other) | Cause::Sibling { other, .. } => {
                    (other, NEVER)
                }
                Cause::Api { .. } => {
                    waits += 1;
                    continue;
                }
                Cause::Spawned { .. } => {
                    is_task = true;
                    continue;
                }
            };
            if let Some(other) = index.get(other) {
                graph.connect(at, *other, cost);
            }
        }
        let cost = match facts.colour(*func) {
            Colour::Behind(_) if !is_task => {
                graph.keep(at);
                waits
            }
            Colour::Becomes(_) if !is_task && sites(program, callers, calls, *func).is_some() => {
                FUNCTION + waits
            }
            _ => NEVER,
        };
        graph.pull(at, cost);
    }
    let Some((stay, _)) = graph.cut() else {
        return false;
    };
    for (func, stays) in coloured.into_iter().zip(stay) {
        let colour = &mut facts.colours[func.0 as usize];
        if let (Colour::Becomes(distance), true) = (&colour, stays) {
            *colour = Colour::Behind(*distance);
        }
    }
    true
}
