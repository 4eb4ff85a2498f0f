//! Handlers that would take a task that was told to stop for one that failed.
//!
//! The wait for such a task raises `CancelledError` in asyncio, a `BaseException`, and `TaskCancelled` in `AnyIO`, an
//! `Exception`. A handler that stands right around the wait can be renamed; others can't be told apart.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::{Ranged, TextRange};

use super::again::may_have_been_cut_short;
use super::cancelled::{functions, is_cancelled};
use super::entry::is_never_cancelled;
use super::failure::handlers;
use super::family::{Family, Model, Wait};
use super::managers;
use crate::common::calling::taken_at;
use crate::common::cancellation::raises_cancelled;
use crate::common::runners::runners;
use crate::context::Context;

/// Refuses the families whose end by cancellation would be taken for an error.
pub(super) fn check(cx: &Context<'_>, model: &mut Model<'_>) {
    let through = cancelled_through(cx, model);
    for index in &through {
        model.families[*index].ends_cancelled = true;
    }
    let mut refused: Vec<(usize, String)> = Vec::new();
    for wait in model.waits.iter().filter(|wait| wait.kind.raises()) {
        let families: BTreeSet<usize> = wait
            .sites
            .iter()
            .filter_map(|site| model.by_site.get(site).copied())
            .filter(|index| {
                let family = &model.families[*index];
                through.contains(index)
                    || may_be_cancelled(family, wait)
                    || may_have_been_cut_short(cx, family, wait)
            })
            .collect();
        if families.is_empty() {
            continue;
        }
        let of_task = is_of_task(
            cx,
            wait,
            families.iter().map(|index| &model.families[*index]),
        );
        if let Some(reason) = mistaken(cx, wait, of_task) {
            refused.extend(families.into_iter().map(|index| (index, reason.clone())));
        }
    }
    for wait in model.waits.iter().filter(|wait| wait.kind.raises()) {
        let indices = wait.sites.iter().filter_map(|site| model.by_site.get(site));
        for index in indices {
            let family = &model.families[*index];
            if let Some(line) = asked_beside(cx, family, wait)
                && !is_of_task(cx, wait, std::iter::once(family))
            {
                let reason = format!(
                    "at line {line} it is asked whether it was cancelled, where the wait for it may have been: asyncio has ended it by then"
                );
                refused.push((*index, reason));
            }
        }
    }
    for (index, reason) in refused {
        model.families[index].refusal.get_or_insert(reason);
    }
}

/// Refuses families whose tasks wait for one that stays and may be told to stop: asyncio ends them as cancelled then, and
/// `AnyIO` would end their group. Says whether there are any.
pub(super) fn check_left(cx: &Context<'_>, model: &mut Model<'_>) -> bool {
    let ends = |family: &Family<'_>| {
        family.refusal.is_some() && (is_cancelled(family) || family.ends_cancelled)
    };
    let left: BTreeSet<usize> = (0..model.families.len())
        .filter(|index| ends(&model.families[*index]))
        .collect();
    let caught = |wait: &Wait<'_>| {
        let around = handlers(cx, wait.view, wait.await_.range());
        (around.iter()).any(|(_, catches, _)| catches.cancelled || catches.wide)
    };
    let raising = (model.waits_of(&left)).filter(|wait| wait.kind.raises() && !caught(wait));
    let waiting: Vec<(FuncId, usize)> = raising
        .map(|wait| (wait.function, cx.program.line(wait.view.place(wait.await_))))
        .collect();
    let mut found = false;
    for family in &mut model.families {
        if waiting.is_empty() || family.refusal.is_some() || family.is_of_timers() {
            continue;
        }
        let runs = functions(cx, &family.runs());
        if let Some((_, line)) = waiting.iter().find(|(function, _)| runs.contains(function)) {
            family.refusal = Some(format!(
                "at line {line} it waits for a task that stays and may be told to stop, and would end all of its group with it"
            ));
            found = true;
        }
    }
    found
}

/// Where it is asked whether a task was cancelled, behind a wait for it in the same `try`, by who sees that wait cancelled.
fn asked_beside(cx: &Context<'_>, family: &Family<'_>, wait: &Wait<'_>) -> Option<usize> {
    let around = handlers(cx, wait.view, wait.await_.range());
    let (range, _, _) = around
        .into_iter()
        .find(|(_, catches, _)| catches.cancelled || catches.wide)?;
    let member = family.members.iter().find(|member| {
        member.name == "cancelled"
            && member.view.file == wait.view.file
            && range.contains_range(member.attribute.range())
            && member.attribute.start() > wait.await_.end()
    })?;
    Some(cx.program.line(member.view.place(member.attribute)))
}

/// Whether a cancellation that comes out of a wait is that of the task, and not one of the code that waits: the task is
/// told to stop in the function before, or somewhere, and nobody cancels that code.
pub(super) fn is_of_task<'f>(
    cx: &Context<'_>,
    wait: &Wait<'_>,
    families: impl Iterator<Item = &'f Family<'f>>,
) -> bool {
    let families: Vec<_> = families.collect();
    let is_told = |family: &Family<'_>| {
        family.members.iter().any(|member| {
            member.name == "cancel"
                && member.view.file == wait.view.file
                && member.function == wait.function
                && member.attribute.start() < wait.await_.start()
        })
    };
    families.iter().all(|family| is_told(family))
        || (families.iter()).all(|family| is_cancelled(family) || !family.cut_short.is_empty())
            && is_never_cancelled(cx, wait.view, wait.await_.range())
}

/// Families that nobody tells to stop, but that end so by themselves, or wait for a task that does, and end with it.
fn cancelled_through(cx: &Context<'_>, model: &Model<'_>) -> BTreeSet<usize> {
    let is_told = |index: &usize| is_cancelled(&model.families[*index]);
    let told: BTreeSet<usize> = (0..model.families.len()).filter(is_told).collect();
    let is_named = cx.uses.iter().any(|it| it.api == "asyncio.CancelledError");
    if told.is_empty() && !is_named {
        return told;
    }
    let runs: Vec<BTreeSet<FuncId>> = model
        .families
        .iter()
        .map(|family| functions(cx, &family.runs()))
        .collect();
    let mut ends = told.clone();
    if is_named {
        ends.extend((0..runs.len()).filter(|index| raises_cancelled(cx, &runs[*index])));
    }
    loop {
        let waiting: BTreeSet<FuncId> = model
            .waits
            .iter()
            .filter(|wait| wait.kind.raises())
            .filter(|wait| {
                wait.sites
                    .iter()
                    .filter_map(|site| model.by_site.get(site))
                    .any(|index| ends.contains(index))
            })
            .map(|wait| wait.function)
            .collect();
        let more: Vec<usize> = (0..runs.len())
            .filter(|index| !ends.contains(index) && !runs[*index].is_disjoint(&waiting))
            .collect();
        if more.is_empty() {
            return ends.difference(&told).copied().collect();
        }
        ends.extend(more);
    }
}

/// Whether a task of the family may have been told to stop by the time of the wait.
fn may_be_cancelled(family: &Family<'_>, wait: &Wait<'_>) -> bool {
    let in_loop = || {
        wait.view
            .tree
            .ancestors(wait.await_)
            .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
            .any(|node| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)))
    };
    family.members.iter().any(|member| {
        let later = member.view.file == wait.view.file
            && member.function == wait.function
            && member.attribute.start() > wait.await_.end();
        member.name == "cancel" && (!later || in_loop())
    })
}

/// Who would take `TaskCancelled` for something else than the `CancelledError` of before.
fn mistaken(cx: &Context<'_>, wait: &Wait<'_>, of_task: bool) -> Option<String> {
    let around = handlers(cx, wait.view, wait.await_.range());
    let looking = managers::looking(cx, wait.view, wait.await_.range());
    let looked = |range: TextRange| {
        let line = cx.program.line(wait.view.place(range));
        format!(
            "it may have been cancelled, and the context manager at line {line} would see another exception then: `TaskCancelled` is an `Exception`"
        )
    };
    for (index, (range, catches, _)) in around.into_iter().enumerate() {
        if let Some(block) = looking.filter(|it| range.contains_range(*it)) {
            return Some(looked(block));
        }
        if catches.errors_first {
            let line = cx.program.line(wait.view.place(range));
            return Some(format!(
                "it may have been cancelled, and the handler for errors at line {line} would catch that in AnyIO: `TaskCancelled` is an `Exception`"
            ));
        }
        if catches.cancelled && (index > 0 || !of_task) {
            let line = cx.program.line(wait.view.place(range));
            return Some(format!(
                "it may have been cancelled, and the handler at line {line} is for that and for the cancellation of the task it stands in, which are two in AnyIO"
            ));
        }
        if catches.cancelled || catches.wide {
            return None;
        }
    }
    if let Some(block) = looking {
        return Some(looked(block));
    }
    let is_caught = |place: Place| {
        cx.view(place.file).is_none_or(|view| {
            let around = handlers(cx, view, place.range);
            (around.iter()).any(|(_, catches, _)| catches.cancelled || catches.wide)
                || managers::looking(cx, view, place.range).is_some()
        })
    };
    let sees_another = |line| {
        format!(
            "it may have been cancelled, and a handler around line {line} would see another exception then: `TaskCancelled` is an `Exception`"
        )
    };
    let mut seen: BTreeSet<FuncId> = BTreeSet::new();
    let mut todo = vec![wait.function];
    while let Some(func) = todo.pop() {
        if !seen.insert(func) || func == FuncId::NONE {
            continue;
        }
        for site in cx.callers.of(func) {
            let view = cx.view(site.place.file)?;
            let run = runners(cx, view, site.place.range);
            let caught = run
                .iter()
                .flatten()
                .chain([&site.place])
                .any(|it| is_caught(*it));
            let line = cx.program.line(site.place);
            if caught {
                return Some(sees_another(line));
            }
            if run.is_some() {
                continue;
            }
            if view.await_of(site.place.range).is_none() && is_async(cx, func) {
                return Some(format!(
                    "it may have been cancelled, and the task of line {line} that waits for it would fail in AnyIO, where asyncio ends it as cancelled"
                ));
            }
            todo.push(site.owner);
        }
        for place in taken_at(cx, func) {
            if is_caught(place) {
                return Some(sees_another(cx.program.line(place)));
            }
            todo.push(cx.program.function_at(place));
        }
    }
    None
}

fn is_async(cx: &Context<'_>, func: FuncId) -> bool {
    let function = cx.program.function(func);
    function.is_async && function.kind == FunctionKind::Def
}
