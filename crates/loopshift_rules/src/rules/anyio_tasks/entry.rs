//! The coroutines that a program runs, directly or through a function of its own that does nothing else with them.

use std::collections::BTreeSet;

use loopshift_engine::change::Place;
use loopshift_engine::ir::FuncId;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::{Ranged, TextRange};

use crate::common::runners::{ends_with_it, is_of_runner};
use crate::context::{Context, View};

/// Whether a function is only ever the one coroutine of `asyncio.run`, which ends all tasks that it leaves.
pub(super) fn is_entry(cx: &Context<'_>, function: FuncId) -> bool {
    all_calls(cx, function, |view, call| ends_with_it(cx, view, call))
}

/// Whether a function is only ever the one coroutine that a program runs, also by an event loop that is made by hand.
pub(super) fn is_run(cx: &Context<'_>, function: FuncId) -> bool {
    all_calls(cx, function, |view, call| {
        ends_with_it(cx, view, call) || by_hand(cx, view, call).is_some()
    })
}

/// Whether calls make the coroutines of a function, and all of them are such ones.
fn all_calls(
    cx: &Context<'_>,
    function: FuncId,
    is_such: impl Fn(&View<'_>, &ExprCall) -> bool,
) -> bool {
    let sites = cx.callers.of(function);
    !sites.is_empty()
        && sites.iter().all(|site| {
            let view = cx.view(site.place.file);
            view.is_some_and(|view| {
                let call = view.tree.expr_at(site.place.range);
                call.and_then(Expr::as_call_expr)
                    .is_some_and(|call| is_such(view, call))
            })
        })
}

/// The uses by which event loops that are made by hand run the function: what takes it for an entry goes together with them.
pub(super) fn runs_by_hand(cx: &Context<'_>, function: FuncId) -> Vec<Place> {
    let sites = cx.callers.of(function).iter();
    sites
        .filter_map(|site| {
            let view = cx.view(site.place.file)?;
            let call = view.tree.expr_at(site.place.range)?.as_call_expr()?;
            by_hand(cx, view, call)
        })
        .collect()
}

/// The use of `run_until_complete` whose coroutine the call makes.
fn by_hand(cx: &Context<'_>, view: &View<'_>, coroutine: &ExprCall) -> Option<Place> {
    const RUN: &str = "asyncio.AbstractEventLoop.run_until_complete";
    let mut around = view.tree.ancestors(coroutine);
    let outer = around.find(|node| !matches!(node, AnyNodeRef::Arguments(_)))?;
    match outer {
        AnyNodeRef::ExprCall(call) if cx.api_of(view, &call.func) == Some(RUN) => {
            Some(view.place(&*call.func))
        }
        _ => None,
    }
}

/// Whether nobody cancels the code at a place: it is awaited by the coroutine that the program runs, or by what that
/// awaits, without a block or call around it that could.
pub(super) fn is_never_cancelled(cx: &Context<'_>, view: &View<'_>, range: TextRange) -> bool {
    if is_in_block(view, range) {
        return false;
    }
    let mut seen = BTreeSet::new();
    let mut work = vec![cx.program.function_at(view.place(range))];
    while let Some(function) = work.pop() {
        if !seen.insert(function) || is_entry(cx, function) {
            continue;
        }
        let sites = cx.callers.of(function);
        if sites.is_empty() || cx.callers.is_handed_over(function) {
            return false;
        }
        for site in sites {
            let Some(view) = cx.view(site.place.file) else {
                return false;
            };
            let Some(Expr::Call(call)) = view.tree.expr_at(site.place.range) else {
                return false;
            };
            if is_of_runner(cx, view, call) {
                continue;
            }
            if view.await_of(call.range()).is_none() || is_in_block(view, call.range()) {
                return false;
            }
            work.push(site.owner);
        }
    }
    true
}

/// Whether the place stands in an `async with` of its function.
fn is_in_block(view: &View<'_>, range: TextRange) -> bool {
    view.tree
        .around(range)
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| matches!(node, AnyNodeRef::StmtWith(it) if it.is_async))
}
