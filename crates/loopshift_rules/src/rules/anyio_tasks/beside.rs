//! What runs beside a wait that is left: asyncio lets it go on, and a task group ends with all its tasks.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_engine::change::Change;
use loopshift_python::Ranged;

use super::abandoned;
use super::emit::{Errors, errors_of};
use super::failure::{handlers, is_observed};
use super::family::{Model, Wait, WaitKind};
use super::fatal::cleans_up_first;
use super::region::{Region, Wanted};
use crate::common::cancel::can_be_cancelled;
use crate::common::code::is_in_loop;
use crate::common::lasting::lasts;
use crate::context::Context;

/// What differs where one fails.
pub(super) const ENDS_OTHERS: &str =
    "an error of one task may come later, or end those beside it, where asyncio lets them run on";

/// The families of a function's groups that a caught error ends, where asyncio lets them run on: they need a group that
/// lasts longer.
pub(super) fn failing<'c>(
    cx: &Context<'c>,
    wanted: &Wanted<'_, 'c>,
    regions: &[Region<'c>],
) -> BTreeSet<usize> {
    let ends_others = |region: &&Region<'c>| {
        let kept =
            |index: &usize| errors_of(cx, wanted.model, Some(region), *index) == Errors::Kept;
        !wanted.is_entry
            && !cx.settings.plain
            && is_caught(cx, region)
            && fails(cx, wanted.model, &waits(wanted.model, region), &kept)
    };
    let found = regions.iter().filter(ends_others);
    found
        .flat_map(|region| region.families.iter().copied())
        .collect()
}

/// What the function waits for in a region, and behind it, where only is read what there is then.
fn waits<'m, 'c>(model: &'m Model<'c>, region: &'m Region<'c>) -> Vec<&'m Wait<'c>> {
    (model.waits_of(&region.families))
        .filter(|wait| wait.function == region.function)
        .collect()
}

/// The waits for one task while others run: it is not the last one that is waited for.
fn early<'w, 'c>(waits: &'w [&'w Wait<'c>]) -> impl Iterator<Item = &'w Wait<'c>> {
    let last = waits.iter().map(|wait| wait.await_.start()).max();
    waits.iter().copied().filter(move |wait| {
        let in_loop = is_in_loop(wait.view, wait.await_.range());
        wait.kind == WaitKind::Await && (in_loop || Some(wait.await_.start()) < last)
    })
}

/// Whether an error that a task keeps leaves a wait while others run, and the function does not catch it.
fn fails(
    cx: &Context<'_>,
    model: &Model<'_>,
    waits: &[&Wait<'_>],
    kept: &dyn Fn(&usize) -> bool,
) -> bool {
    // What is gathered is cancelled together, but an error leaves those that still run.
    let gathered = waits.iter().copied().filter(|it| {
        matches!(
            it.kind,
            WaitKind::Gather { exceptions: false } | WaitKind::GatherFor | WaitKind::Next
        )
    });
    early(waits).chain(gathered).any(|wait| {
        let mut families = (wait.sites.iter()).filter_map(|site| model.by_site.get(site));
        let caught = || {
            let around = handlers(cx, wait.view, wait.await_.range());
            around.iter().any(|(_, catches, _)| catches.errors)
        };
        families.any(kept) && !caught()
    })
}

/// Whether somebody catches an error that leaves the region, and the program goes on.
fn is_caught(cx: &Context<'_>, region: &Region<'_>) -> bool {
    let place = region.place();
    is_observed(cx, place) && !lasts(cx, region.function)
}

/// Says what differs where an error or a cancellation leaves the block of a group while other tasks of it run, and the
/// program goes on.
pub(super) fn caveats(
    cx: &Context<'_>,
    change: &mut Change,
    model: &Model<'_>,
    region: &Region<'_>,
    errors: &BTreeMap<usize, Errors>,
) {
    let waits = waits(model, region);
    let place = region.place();
    let kept = |index: &usize| errors.get(index) == Some(&Errors::Kept);
    let fails = fails(cx, model, &waits, &kept);
    if fails && (is_caught(cx, region) || cleans_up_first(cx, model, region)) {
        change.caveat(ENDS_OTHERS);
    }
    if abandoned::run_on(cx, model, region, &region.families) {
        change.caveat(abandoned::RUNS_ON);
    }
    let partly = early(&waits).next().is_some()
        || (waits.iter()).any(|wait| wait.kind.is_wait() || wait.kind == WaitKind::Next);
    if partly && !lasts(cx, region.function) && can_be_cancelled(cx, place) {
        change.caveat(
            "where the function is cancelled, all its tasks are, and asyncio cancels only the one that is awaited",
        );
    }
}
