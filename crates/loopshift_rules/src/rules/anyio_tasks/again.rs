//! Tasks that somebody waits for beside a wait that may be cut short: it ends the task, and in asyncio who else waits for it ends as
//! cancelled.

use std::collections::BTreeSet;

use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, ExceptHandler, Expr};

use super::family::{Model, Wait};
use crate::context::Context;
use crate::rules::order::Order;
use crate::rules::siblings::catches_cancellation;

/// What differs then.
pub(super) const ENDS_OTHERS: &str = "when the wait for the task is cut short it is cancelled, and who else waits for it ends as cancelled in asyncio, with an error in AnyIO";

/// Whether somebody may wait for the same task beside this wait, or again, and does not look at how it ends.
pub(super) fn is_waited_for_beside(
    cx: &Context<'_>,
    model: &Model<'_>,
    families: &BTreeSet<usize>,
    wait: &Wait<'_>,
) -> bool {
    let place = wait.view.place(wait.await_);
    let others = model.waits_of(families).any(|other| {
        let is_same = other.view.place(other.await_) == place;
        let shares = other.sites.iter().any(|site| wait.sites.contains(site));
        !is_same && shares && other.kind.raises() && !looks_at_end(cx, other)
    });
    others || is_kept(wait) && !looks_at_end(cx, wait) && runs_again(cx, wait)
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
    cx.callers.of(wait.function).len() > 1 || Order::new(cx).is_run_by_many(place)
}

/// Whether a handler around a wait is for a task that ends as cancelled.
fn looks_at_end(cx: &Context<'_>, wait: &Wait<'_>) -> bool {
    let view = wait.view;
    let names = |expr: &Expr| view.text(expr.range()).contains("CancelledError");
    (view.tree.ancestors(wait.await_))
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .any(|node| match node {
            AnyNodeRef::StmtTry(it) => it.handlers.iter().any(|handler| {
                let ExceptHandler::ExceptHandler(handler) = handler;
                catches_cancellation(cx, view, handler.type_.as_deref())
            }),
            AnyNodeRef::StmtWith(it) => it.items.iter().any(|it| names(&it.context_expr)),
            _ => false,
        })
}
