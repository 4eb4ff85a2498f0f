//! What runs beside a wait that is left: asyncio lets it go on, and a task group ends with all its tasks.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, Place};
use loopshift_python::Ranged;

use super::abandoned;
use super::emit::Errors;
use super::failure::{handlers, is_observed};
use super::family::{Model, Wait, WaitKind};
use super::fatal::cleans_up_first;
use super::region::Region;
use crate::context::Context;
use crate::rules::cancel::can_be_cancelled;
use crate::rules::code::is_in_loop;
use crate::rules::lasting::lasts;

/// Says what differs where an error or a cancellation leaves the block of a group while other tasks of it run, and the
/// program goes on.
pub(super) fn caveats(
    cx: &Context<'_>,
    change: &mut Change,
    model: &Model<'_>,
    region: &Region<'_>,
    errors: &BTreeMap<usize, Errors>,
) {
    let place = Place {
        file: region.view.file,
        range: region.run.range(),
    };
    // Also those behind the block, which only read what there is then.
    let waits: Vec<&Wait<'_>> = (model.waits_of(&region.families))
        .filter(|wait| wait.function == region.function)
        .collect();
    let last = waits.iter().map(|wait| wait.await_.start()).max();
    // Others run where it is not the last one that is waited for.
    let is_early = |wait: &&&Wait<'_>| {
        let in_loop = is_in_loop(region.view, wait.await_.range());
        wait.kind == WaitKind::Await && (in_loop || Some(wait.await_.start()) < last)
    };
    let early: Vec<&&Wait<'_>> = waits.iter().filter(is_early).collect();
    // What is gathered is cancelled together, but an error leaves those that still run.
    let gathered = (waits.iter()).filter(|it| {
        matches!(
            it.kind,
            WaitKind::Gather { exceptions: false } | WaitKind::Next
        )
    });
    let fails = early.iter().copied().chain(gathered).any(|wait| {
        let kept = (wait.sites.iter())
            .filter_map(|site| model.by_site.get(site))
            .any(|index| errors.get(index) == Some(&Errors::Kept));
        let caught = || {
            let around = handlers(cx, wait.view, wait.await_.range());
            around.iter().any(|(_, catches, _)| catches.errors)
        };
        kept && !caught()
    });
    let is_caught = || is_observed(cx, place) && !lasts(cx, region.function);
    if fails && (is_caught() || cleans_up_first(cx, model, region)) {
        change.caveat(
            "an error of one task may come later, or end those beside it, where asyncio lets them run on",
        );
    }
    if abandoned::run_on(cx, model, region, &region.families) {
        change.caveat(abandoned::RUNS_ON);
    }
    let partly = !early.is_empty()
        || (waits.iter()).any(|wait| wait.kind.is_wait() || wait.kind == WaitKind::Next);
    if partly && !lasts(cx, region.function) && can_be_cancelled(cx, place) {
        change.caveat(
            "where the function is cancelled, all its tasks are, and asyncio cancels only the one that is awaited",
        );
    }
}
