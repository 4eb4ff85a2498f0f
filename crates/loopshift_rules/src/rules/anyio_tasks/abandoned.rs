//! Tasks that are left alone: where a cancellation or an error ends a function early, asyncio lets the tasks that it made run
//! on, and a group in the function ends them.

use std::collections::BTreeSet;

use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Stmt, StmtTry};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::failure::{handlers, is_observed};
use super::family::Model;
use super::fatal::coroutines_of;
use super::region::{Region, Wanted, waits_of};
use super::suites::{each, inner_suites};
use crate::common::cancel::may_be_cancelled;
use crate::common::code::{Reach, is_switch, own};
use crate::common::lasting::lasts;
use crate::common::raising::Raising;
use crate::common::siblings::{are_left_unseen, catches_cancellation};
use crate::context::Context;

/// What differs then.
pub(super) const RUNS_ON: &str = "where the function is cancelled or fails, the task is cancelled too, and asyncio lets it run on";

/// The families whose tasks nobody in the function waits for or stops, and that would run on by themselves: they need a group
/// that lasts longer.
pub(super) fn forgotten<'c>(
    cx: &Context<'c>,
    wanted: &Wanted<'_, 'c>,
    regions: &[Region<'c>],
) -> BTreeSet<usize> {
    let is_forgotten = |index: &usize| !ends(wanted.model, wanted.function, *index).any(|_| true);
    let mut out = BTreeSet::new();
    for region in regions.iter().filter(|_| !wanted.is_entry) {
        let alone: BTreeSet<usize> = (region.families.iter().copied())
            .filter(|index| is_forgotten(index))
            .collect();
        if !alone.is_empty() && run_on(cx, wanted.model, region, &alone) {
            out.extend(alone);
        }
    }
    out
}

/// Whether a cancellation or an error may leave the block of a group elsewhere than where its tasks are waited for, while tasks
/// of these families run, and somebody can see that they run on in asyncio.
pub(super) fn run_on(
    cx: &Context<'_>,
    model: &Model<'_>,
    region: &Region<'_>,
    families: &BTreeSet<usize>,
) -> bool {
    let view = region.view;
    let place = region.place();
    if families.is_empty() || lasts(cx, region.function) {
        return false;
    }
    let running = running(model, region, families);
    let mut waits: Vec<TextRange> = (model.waits_within(view.file, place.range))
        .map(|wait| wait.await_.range())
        .collect();
    // One that has ended is only asked how, and telling one to stop raises nothing.
    let members = (families.iter()).flat_map(|index| &model.families[*index].members);
    let asked = members.filter(|member| matches!(member.name.as_str(), "exception" | "cancel"));
    waits.extend(asked.map(|member| member.attribute.range()));
    let is_wait = |range: TextRange| waits.iter().any(|wait| range.contains_range(*wait));
    let here = |range: TextRange| running.contains(range.start()) && !is_wait(range);
    let ended = |range: TextRange| is_ended_around(cx, model, region, families, range);
    let cancelled = || {
        let mut nodes = own(region.run.stmts()).into_iter();
        may_be_cancelled(cx, place)
            && nodes.any(|node| is_switch(node) && here(node.range()) && !ended(node.range()))
    };
    let raising = Raising::new(cx);
    let fails = || {
        let mut found = false;
        each(region.run.stmts(), &mut |stmt| {
            let range = stmt.range();
            found |= !found
                && inner_suites(stmt).is_empty()
                && here(range)
                && raising.statement(view, stmt)
                && !ended(range)
                && !handlers(cx, view, range)
                    .iter()
                    .any(|(at, catches, _)| catches.errors && place.range.contains_range(*at));
        });
        found
    };
    let is_seen = || {
        coroutines_of(cx, model, families)
            .is_none_or(|roots| !are_left_unseen(cx, &cx.once(Reach::new), &roots))
    };
    (cancelled() || is_observed(cx, place) && fails()) && is_seen()
}

/// From where on and how far tasks of the families may run in the block, by its text.
fn running(model: &Model<'_>, region: &Region<'_>, families: &BTreeSet<usize>) -> TextRange {
    let block = region.run.range();
    let looped = |range: TextRange| {
        let around = region.view.tree.around(range);
        let inside = around.take_while(|node| block.contains_range(node.range()));
        let loops =
            inside.filter(|node| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)));
        loops.map(|it| it.range()).last()
    };
    let mut from = block.end();
    let mut to = block.start();
    for index in families {
        let spawns = model.families[*index].spawns.iter();
        let made: Vec<TextRange> = spawns
            .filter(|spawn| spawn.function == region.function)
            .map(|spawn| spawn.call.range())
            .collect();
        let last = ends(model, region.function, *index).max_by_key(Ranged::start);
        for made in &made {
            let around = looped(*made);
            let both = last.is_some_and(|last| around.is_some_and(|it| it.contains_range(last)));
            let start: TextSize = match around {
                Some(around) if !both => around.start(),
                _ => made.end(),
            };
            from = from.min(start);
        }
        let end = match last {
            Some(last) => looped(last).map_or(last.start(), TextRange::end),
            None => block.end(),
        };
        to = to.max(end);
    }
    TextRange::new(from, to.max(from))
}

/// Where the function waits for tasks of a family, or tells them to stop.
fn ends<'m>(
    model: &'m Model<'_>,
    function: FuncId,
    index: usize,
) -> impl Iterator<Item = TextRange> + 'm {
    let waits = waits_of(model, index)
        .filter(move |wait| wait.function == function)
        .map(|wait| wait.await_.range());
    waits.chain(cancels(model, function, index))
}

/// Where the function tells tasks of a family to stop.
fn cancels<'m>(
    model: &'m Model<'_>,
    function: FuncId,
    index: usize,
) -> impl Iterator<Item = TextRange> + 'm {
    let members = model.families[index].members.iter();
    members
        .filter(move |member| member.name == "cancel" && member.function == function)
        .map(|member| member.attribute.range())
}

/// Whether tasks of the families end as well where a place is left early: they have been told to stop before, or a `try` around
/// it ends them.
fn is_ended_around(
    cx: &Context<'_>,
    model: &Model<'_>,
    region: &Region<'_>,
    families: &BTreeSet<usize>,
    range: TextRange,
) -> bool {
    let tree = &region.view.tree;
    let all_in = |body: &[Stmt], ends: &dyn Fn(usize) -> Vec<TextRange>| {
        let holds = |end: &TextRange| body.iter().any(|it| it.range().contains_range(*end));
        families.iter().all(|index| ends(*index).iter().any(holds))
    };
    let ended_in =
        |body: &[Stmt]| all_in(body, &|index| ends(model, region.function, index).collect());
    let told_in = |body: &[Stmt]| {
        all_in(body, &|index| {
            cancels(model, region.function, index).collect()
        })
    };
    let block = region.run.range();
    let mut around = (tree.around(range)).take_while(|node| block.contains_range(node.range()));
    around.any(|node| {
        let told_before = || {
            let stmt = tree.enclosing_statement(node.range())?;
            let (suite, at) = tree.suite_of(stmt)?;
            Some(node.is_statement() && told_in(&suite[..at]))
        };
        let by_try = |it: &StmtTry| {
            let inside = (it.body.iter()).any(|stmt| stmt.range().contains_range(range));
            let handled = |ExceptHandler::ExceptHandler(handler): &ExceptHandler| {
                catches_cancellation(cx, region.view, handler.type_.as_deref())
                    && ended_in(&handler.body)
            };
            inside && (ended_in(&it.finalbody) || it.handlers.iter().any(handled))
        };
        matches!(node, AnyNodeRef::StmtTry(it) if by_try(it)) || told_before().unwrap_or(false)
    })
}
