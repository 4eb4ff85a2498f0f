//! What `locked()` says right after a release. asyncio's lock is free until the task that waits for it has its turn; `AnyIO`
//! hands it over, so that it stays taken.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::{Cluster, Member};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprAwait};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::relocked::holds;
use crate::common::calling::called_at;
use crate::common::code::Reach;
use crate::common::objects::method;
use crate::common::order::Order;
use crate::context::{Context, View};

/// Says what differs where a lock, or a condition, of the cluster may be asked right after a release.
pub(super) fn caveat(cx: &Context<'_>, cluster: &Cluster, owned: bool, change: &mut Change) {
    if asked(cx, cluster, owned) {
        change.caveat(
            "`locked()` right after a release is False in asyncio, also where another task waits for the lock; AnyIO hands the lock over, and it stays True",
        );
    }
}

/// Whether a lock of the cluster may be asked if it is taken when it was released for a task that waits, which has not had its
/// turn. A lock that is not `owned` by who acquires it may be released by others meanwhile.
fn asked(cx: &Context<'_>, cluster: &Cluster, owned: bool) -> bool {
    let asking = cluster.members.iter().filter(|it| method(it) == "locked");
    let mut open: Vec<Place> = asking.map(|it| it.place).collect();
    if open.is_empty() {
        return false;
    }
    let holds = holds(cx, cluster);
    // Where one task alone takes it, none waits.
    let taken = holds.iter().map(|(taken, _)| *taken);
    if !Order::new(cx).are_run_by_several(taken) {
        return false;
    }
    if !owned {
        return true;
    }
    let blocks: Vec<Place> = holds.iter().map(|(_, held)| *held).collect();
    let releases: Vec<&Member> = (cluster.members.iter())
        .filter(|it| method(it) == "release")
        .collect();
    let places = releases.iter().map(|it| it.place);
    let releasing: Vec<FuncId> = (places.chain(blocks.iter().copied()))
        .map(|place| cx.program.function_at(place))
        .collect();
    let reach = cx.once(Reach::new);
    let releasing = reach.to(releasing);
    let mut seen = BTreeSet::new();
    while let Some(place) = open.pop() {
        let Some(view) = cx.view(place.file) else {
            return true;
        };
        // Who holds it is told so.
        let held = blocks.iter().filter(|it| it.file == place.file);
        let held = held.filter(|it| it.range.contains_range(place.range));
        let held = held.map(|it| it.range).min_by_key(|it| it.len());
        let ends = ends(cx, view, place, &blocks, &releases, &releasing);
        match last_end(view, place.range, held, &ends) {
            Some(true) => return true,
            Some(false) => {}
            None => {
                let func = cx.program.function_at(place);
                if held.is_none() && seen.insert(func) {
                    open.extend(
                        called_at(cx, func)
                            .into_iter()
                            .filter(|it| runs_there(cx, func, *it)),
                    );
                }
            }
        }
    }
    false
}

/// Whether a function runs where it is called: an async one does where it is awaited.
fn runs_there(cx: &Context<'_>, func: FuncId, call: Place) -> bool {
    let is_awaited = || {
        let view = cx.view(call.file)?;
        view.await_of(call.range)
    };
    !cx.program.function(func).is_async || is_awaited().is_some()
}

/// Where something ends that releases the lock (`true`) or lets other tasks run, in the function around a place.
fn ends(
    cx: &Context<'_>,
    view: &View<'_>,
    place: Place,
    blocks: &[Place],
    releases: &[&Member],
    releasing: &BTreeSet<FuncId>,
) -> Vec<(TextSize, bool)> {
    let function = view.tree.enclosing_function(place.range);
    let Some(function) = function.map(|it| it.range()) else {
        return Vec::new();
    };
    let is_here = |range: TextRange| {
        !range.contains_range(place.range)
            && view.tree.enclosing_function(range).map(|it| it.range()) == Some(function)
    };
    let mut ends = Vec::new();
    for node in view.tree.nodes_within(function) {
        if let AnyNodeRef::ExprAwait(it) = node
            && is_here(it.range())
        {
            ends.push((it.end(), calls(cx, view, it, releasing)));
        }
    }
    let here = blocks.iter().filter(|it| it.file == place.file);
    // A function that asks for the lock by `acquire()` holds it as a whole: its releases are told apart.
    let here = here.filter(|it| it.range != function && is_here(it.range));
    ends.extend(here.map(|it| (it.range.end(), true)));
    let here = releases.iter().map(|it| it.place);
    let here = here.filter(|it| it.file == place.file && is_here(it.range));
    ends.extend(here.map(|it| (it.range.end(), true)));
    ends.sort_unstable();
    ends
}

/// Whether what is awaited is a call of a function of ours that may release the lock, and so may end right afterwards.
fn calls(cx: &Context<'_>, view: &View<'_>, it: &ExprAwait, releasing: &BTreeSet<FuncId>) -> bool {
    let Expr::Call(call) = &*it.value else {
        return false;
    };
    let node = cx.program.node_at(view.place(&*call.func));
    let mut called = cx.program.flow.values_of(node).filter_map(Value::function);
    called.any(|func| releasing.contains(&func))
}

/// Whether the last of what ends before the place is a release: in the text, or in the round of a loop before. None where
/// nothing does. In a block that holds the lock nothing before it counts.
fn last_end(
    view: &View<'_>,
    place: TextRange,
    held: Option<TextRange>,
    ends: &[(TextSize, bool)],
) -> Option<bool> {
    let last = |from: TextSize, before: TextSize| {
        let mut ends = ends.iter().rev();
        let last = ends.find(|(end, _)| *end <= before)?;
        (last.0 >= from).then_some(last.1)
    };
    let from = held.map_or(TextSize::default(), TextRange::start);
    let before = last(from, place.start());
    let mut around = view.tree.around(place);
    let round = around.find(|it| matches!(it, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)));
    let round = round.map(|it| it.range());
    let round = round.filter(|it| held.is_none_or(|held| held.contains_range(*it)));
    // What stands before it in the loop is the last in each round.
    let round = round.filter(|it| last(it.start(), place.start()).is_none());
    let again = round.and_then(|it| last(it.start(), it.end()));
    if again == Some(true) { again } else { before }
}
