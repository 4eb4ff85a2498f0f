//! Cleanups that wait, of tasks that are told to stop: asyncio may go on before they end, and at the end of the program it
//! tells each task that still runs to stop once more, which cuts off what its cleanup waits for. `AnyIO` waits for both.

use loopshift_engine::change::Change;
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::{Ranged, TextRange};

use super::cancelled::functions;
use super::family::{Family, Model, WaitKind};
use super::region::{Region, waits_of};
use super::thread::runs_all;
use crate::common::code::{is_in_loop, is_switch, own};
use crate::common::siblings::waits_cleaning_up;
use crate::context::Context;

const CUT_OFF: &str = "asyncio tells a task to stop once more at the end of the program, which cuts off what its cleanup waits for";

const FIRST: &str = "when the time is over, asyncio goes on as soon as one task has ended, and others may still clean up";

/// Says what differs in a region where tasks are told to stop whose cleanup waits; it holds `others`, too, which are started
/// elsewhere.
pub(super) fn caveats(
    cx: &Context<'_>,
    change: &mut Change,
    model: &Model<'_>,
    region: &Region<'_>,
    others: &[usize],
) {
    let all = || region.families.iter().chain(others);
    let families = || all().map(|index| (index, &model.families[*index]));
    let is_last = |family: &Family<'_>| {
        let told = family.members.iter().filter(|it| it.name == "cancel");
        let mut here = told.filter(|it| it.function == region.function);
        here.any(|it| !waits_behind(region, it.attribute.range()))
    };
    let ends = runs_all(cx, region.function);
    if families().any(|(_, it)| ends && is_last(it) && cleans_up(cx, it)) {
        change.caveat(CUT_OFF);
    }
    let is_timed = |index: &usize| waits_of(model, *index).any(|it| it.kind == WaitKind::GatherFor);
    if families().any(|(index, it)| is_timed(index) && cleans_up(cx, it)) {
        change.caveat(FIRST);
    }
}

/// Whether the function of a region waits for something behind a place in it, or in another round of a loop.
fn waits_behind(region: &Region<'_>, place: TextRange) -> bool {
    let nodes = own(&region.def.body);
    let is_behind = |node: AnyNodeRef<'_>| is_switch(node) && node.end() > place.end();
    is_in_loop(region.view, place) || nodes.into_iter().any(is_behind)
}

/// Whether a task waits for something where it is told to stop.
fn cleans_up(cx: &Context<'_>, family: &Family<'_>) -> bool {
    let coros = family.spawns.iter().flat_map(|spawn| {
        let view = spawn.view;
        spawn.coros().map(move |coro| view.place(coro))
    });
    waits_cleaning_up(cx, &functions(cx, &coros.collect::<Vec<_>>()))
}
