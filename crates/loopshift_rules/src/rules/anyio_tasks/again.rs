//! Tasks that somebody waits for beside a wait that may be cut short: it ends the task, and in asyncio who else waits for it ends as
//! cancelled.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::flow::value::Value;
use loopshift_engine::objects::site_place;
use loopshift_engine::program::place;
use loopshift_python::Ranged;
use loopshift_python::ast::AnyNodeRef;

use super::cancelled::functions;
use super::failure::handlers;
use super::family::{Family, Model, Wait, WaitKind};
use super::forms::under_timeout;
use super::mistaken::is_of_task;
use crate::common::code::{Reach, called_within, definition, own};
use crate::common::order::Order;
use crate::context::Context;
use crate::rules::anyio_future::ending_together;

/// What differs then.
pub(super) const ENDS_OTHERS: &str = "when the wait for the task is cut short it is cancelled, and who else waits for it ends as cancelled in asyncio, with an error in AnyIO";

/// Notes the waits that end tasks where their time is over.
pub(super) fn mark(cx: &Context<'_>, model: &mut Model<'_>) {
    for wait in &model.waits {
        let ends_them = match wait.kind {
            WaitKind::For | WaitKind::GatherFor => true,
            WaitKind::Await => wait.call.is_none() && under_timeout(cx, wait),
            _ => false,
        };
        for index in wait.sites.iter().filter_map(|it| model.by_site.get(it)) {
            let cut_short = &mut model.families[*index].cut_short;
            let place = wait.view.place(wait.await_);
            if ends_them && !cut_short.contains(&place) {
                cut_short.push(place);
            }
        }
    }
}

/// Whether a wait that was cut short, another one or this one when it came here before, may have ended a task of the family.
pub(super) fn may_have_been_cut_short(
    cx: &Context<'_>,
    family: &Family<'_>,
    wait: &Wait<'_>,
) -> bool {
    let place = wait.view.place(wait.await_);
    let again = || comes_again(cx, wait, place) || is_kept(wait) && runs_again(cx, wait);
    (family.cut_short.iter()).any(|cut_short| *cut_short != place || again())
}

/// Whether a loop around a place comes there again for a task that it does not make.
fn comes_again(cx: &Context<'_>, wait: &Wait<'_>, at: Place) -> bool {
    let Some(view) = cx.view(at.file) else {
        return true;
    };
    let makes = |node: AnyNodeRef<'_>| {
        let called = called_within(cx, place(at.file, node.range()));
        let runs = cx.once(Reach::new).from(called);
        wait.sites.iter().all(|site| {
            let maker = cx.program.function_at(*site);
            // Who waits for what it keeps may make it the first time only.
            site.file == at.file && node.range().contains_range(site.range)
                || maker != wait.function && runs.contains(&maker)
        })
    };
    (view.tree.around(at.range))
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| {
            matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)) && !makes(node)
        })
}

/// Whether somebody may wait for the same task beside this wait, or again, and does not look at how it ends.
pub(super) fn is_waited_for_beside(
    cx: &Context<'_>,
    model: &Model<'_>,
    families: &BTreeSet<usize>,
    wait: &Wait<'_>,
) -> bool {
    let place = wait.view.place(wait.await_);
    let looks_at_end = |wait: &Wait<'_>| {
        looks_at_end(
            cx,
            wait,
            families.iter().map(|index| &model.families[*index]),
        )
    };
    let others = model.waits_of(families).any(|other| {
        let is_same = other.view.place(other.await_) == place;
        let shares = other.sites.iter().any(|site| wait.sites.contains(site));
        !is_same && shares && other.kind.raises() && !looks_at_end(other)
    });
    others || is_kept(wait) && !looks_at_end(wait) && runs_again(cx, wait)
}

/// Whether the task that is waited for is kept elsewhere than in a variable of the function that makes it.
fn is_kept(wait: &Wait<'_>) -> bool {
    let is_name = wait.operands.iter().all(|it| it.is_name_expr());
    !is_name
        || !wait.sites.iter().all(|site| {
            let function = wait.view.tree.enclosing_function(wait.await_.range());
            site.file == wait.view.file
                && function.is_some_and(|it| it.range().contains_range(site.range))
        })
}

/// Whether the function of a wait may be called more than once.
fn runs_again(cx: &Context<'_>, wait: &Wait<'_>) -> bool {
    let place = wait.view.place(wait.await_);
    let sites = cx.callers.of(wait.function);
    sites.len() > 1
        || sites.iter().any(|site| comes_again(cx, wait, site.place))
        || Order::new(cx).is_run_by_many(place)
}

/// Whether a handler around a wait is for a task that ends as cancelled.
fn looks_at_end<'f>(
    cx: &Context<'_>,
    wait: &Wait<'_>,
    families: impl Iterator<Item = &'f Family<'f>>,
) -> bool {
    let around = handlers(cx, wait.view, wait.await_.range());
    let first = (around.into_iter()).find(|(_, catches, _)| catches.cancelled || catches.wide);
    first.is_some_and(|(_, catches, _)| catches.wide || is_of_task(cx, wait, families))
}

/// The calls that make futures which tasks wait for, and which may end as cancelled when nobody told these to stop.
pub(super) fn awaits_together(cx: &Context<'_>, runs: &[Place]) -> BTreeSet<Place> {
    let together = cx.once(ending_together);
    if together.is_empty() {
        return BTreeSet::new();
    }
    let mut awaited = BTreeSet::new();
    for (view, def) in functions(cx, runs)
        .into_iter()
        .filter_map(|it| definition(cx, it))
    {
        for node in own(&def.body) {
            let AnyNodeRef::ExprAwait(it) = node else {
                continue;
            };
            let values = cx.program.values_at(view.place(&*it.value));
            awaited.extend(values.filter_map(|value| match value {
                Value::Object(_, site) => site_place(cx.program, site),
                _ => None,
            }));
        }
    }
    awaited.intersection(&together).copied().collect()
}
