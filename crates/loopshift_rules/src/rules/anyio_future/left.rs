//! Futures whose waiter may be cancelled: asyncio cancels them too, and who sets them then gets an error.

use loopshift_engine::change::Place;
use loopshift_engine::objects::{Cluster, Member};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::Helper;
use loopshift_python::{Ranged, TextRange};

use crate::common::cancel::may_be_cancelled;
use crate::common::objects::{method, receiver};
use crate::context::{Context, View};

/// What waits for a future as asyncio does: `asyncio.Task.cancel` cancels what the task waits for.
pub(super) static WAIT: Helper = Helper {
    name: "_wait_for_own",
    source: "\
async def {name}(future):
    \"\"\"The value of a future, which is cancelled with who waits for it.\"\"\"
    try:
        return await future
    finally:
        future.cancel()
",
};

/// The waits for the futures that may be cancelled, where somebody can tell that the future is, too.
pub(super) fn left(cx: &Context<'_>, cluster: &Cluster) -> Vec<Place> {
    let waits = |place: &Place| {
        let view = cx.view(place.file);
        view.is_some_and(|view| {
            let expr = view.tree.expr_at(place.range);
            matches!(
                expr.and_then(|it| view.tree.parent(it)),
                Some(AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprYieldFrom(_))
            )
        }) && may_be_cancelled(cx, *place)
    };
    if !is_told(cx, cluster) {
        return Vec::new();
    }
    let places = cluster.places.iter().map(|held| held.place);
    places.filter(waits).collect()
}

/// Whether somebody can tell that the futures are cancelled: one is set, or asked, where that was not asked before.
fn is_told(cx: &Context<'_>, cluster: &Cluster) -> bool {
    let tells = |member: &Member| {
        let Some(view) = cx.view(member.place.file) else {
            return true;
        };
        let call = view.call_of(member.place.range);
        match method(member) {
            "set_result" | "set_exception" => call.is_none_or(|call| !is_asked_before(view, call)),
            "done" | "cancelled" => call.is_none_or(|call| !guards_setting(view, call)),
            _ => false,
        }
    };
    cluster.members.iter().any(tells)
}

/// Whether all that is asked is whether it may be set: `if not future.cancelled(): future.set_result(…)`.
pub(super) fn guards_setting(view: &View<'_>, call: &ExprCall) -> bool {
    let Some(object) = receiver(view, call.func.range()) else {
        return false;
    };
    let statement = view.tree.enclosing_statement(call.range());
    let Some(Stmt::If(if_)) = statement else {
        return false;
    };
    let sets = |stmt: &Stmt| {
        let Stmt::Expr(it) = stmt else { return false };
        let Expr::Call(set) = &*it.value else {
            return false;
        };
        matches!(&*set.func, Expr::Attribute(member)
            if matches!(member.attr.as_str(), "set_result" | "set_exception")
                && view.text(member.value.range()) == view.text(object.range()))
    };
    if_.test.range().contains_range(call.range())
        && if_.elif_else_clauses.is_empty()
        && if_.body.iter().all(sets)
}

/// Whether a future is set in the body of an `if` that asks it whether it may be.
fn is_asked_before(view: &View<'_>, set: &ExprCall) -> bool {
    let Some(object) = receiver(view, set.func.range()) else {
        return false;
    };
    let asks = |test: TextRange| {
        let test = view.text(test);
        let object = view.text(object.range());
        ["done", "cancelled"]
            .iter()
            .any(|name| test.contains(&format!("not {object}.{name}()")))
    };
    (view.tree.ancestors(set)).any(|node| match node {
        AnyNodeRef::StmtIf(it) => {
            let last = it.body.last().map_or(it.test.end(), Ranged::end);
            TextRange::new(it.test.end(), last).contains_range(set.range()) && asks(it.test.range())
        }
        _ => false,
    })
}
