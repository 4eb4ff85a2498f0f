//! Exception classes in handlers around what is asked of a task.

use loopshift_engine::change::{Change, Place};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::again::may_have_been_cut_short;
use super::cancelled::is_cancelled;
use super::failure::handlers;
use super::family::{Family, MemberUse, Model, Wait};
use super::mistaken::is_of_task;
use super::{handles, helpers};
use crate::common::caught;
use crate::context::{Context, View};

/// `asyncio.CancelledError` in a handler around the wait for a task that was told to stop.
pub(super) fn rename_cancelled(
    cx: &Context<'_>,
    model: &Model<'_>,
    change: &mut Change,
    wait: &Wait<'_>,
) {
    let mut indices = wait
        .sites
        .iter()
        .filter_map(|site| model.by_site.get(site))
        .peekable();
    let known = indices.peek().is_some();
    let families = indices.map(|index| &model.families[*index]);
    let may_be_cancelled = |family: &Family<'_>| {
        is_cancelled(family) || family.ends_cancelled || may_have_been_cut_short(cx, family, wait)
    };
    if wait.kind.raises() && families.clone().any(may_be_cancelled) {
        let around = handlers(cx, wait.view, wait.await_.range());
        let first = (around.iter()).find(|(_, catches, _)| catches.cancelled || catches.wide);
        if first.is_some_and(|(_, catches, _)| catches.wide) {
            let range = wait.await_.range();
            caught::caveat_around(cx, change, wait.view, range, &["BaseException"]);
        }
    }
    if known && is_of_task(cx, wait, families) {
        rename(
            cx,
            change,
            wait.view,
            wait.await_.range(),
            "asyncio.CancelledError",
        );
    }
}

/// `asyncio.InvalidStateError` and `asyncio.CancelledError` in a handler around `t.result()`.
pub(super) fn rename_state(
    cx: &Context<'_>,
    change: &mut Change,
    view: &View<'_>,
    range: TextRange,
) {
    rename(cx, change, view, range, "asyncio.CancelledError");
    rename(cx, change, view, range, "asyncio.InvalidStateError");
}

/// `asyncio.CancelledError` in tests of results.
pub(super) fn rename_results(change: &mut Change, tests: Vec<Place>) {
    for place in tests {
        let pieces = vec![Piece::Helper(&helpers::CANCELLED_ERROR)];
        let range = place.range;
        change
            .edits
            .push((place.file, Edit::Replace { range, pieces }));
        change.covers.push(place);
    }
}

/// Says what differs where a task may be asked for its result before it has ended, and a handler for all errors shows the one
/// that this gives.
pub(super) fn asked_early(
    cx: &Context<'_>,
    model: &Model<'_>,
    change: &mut Change,
    index: usize,
    member: &MemberUse<'_>,
) {
    let start = member.attribute.start();
    let mut spawns = model.families[index].spawns.iter();
    let is_made_here = spawns.any(|spawn| spawn.function == member.function);
    let mut waits = model.waits_of([&index]);
    let is_over = waits.any(|wait| wait.function == member.function && wait.await_.start() < start);
    if is_made_here && !is_over {
        let all = ["Exception", "BaseException"];
        let range = member.attribute.range();
        caught::caveat_around(cx, change, member.view, range, &all);
    }
}

fn rename(cx: &Context<'_>, change: &mut Change, view: &View<'_>, range: TextRange, api: &str) {
    for (_, _, named) in handlers(cx, view, range).into_iter().take(1) {
        for it in named.into_iter().filter(|it| it.api == api) {
            let range = it.place.range;
            let pieces = if api == "asyncio.CancelledError" {
                handles::cancelled(cx)
            } else {
                handles::not_finished(cx)
            };
            change
                .edits
                .push((view.file, Edit::Replace { range, pieces }));
            caught::caveat(cx, change, view, range);
            change.covers.push(it.place);
        }
    }
}
