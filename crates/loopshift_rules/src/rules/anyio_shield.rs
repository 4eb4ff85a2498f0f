//! `await asyncio.shield(f())` becomes `await f()` in `with anyio.CancelScope(shield=True)`.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall};
use loopshift_python::edit::{Edit, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::anyio_tasks;
use crate::catalog::Api;
use crate::common::awaited::{Awaited, awaited, can_be_awaited, statement_around};
use crate::common::cancel::can_be_cancelled;
use crate::common::code::has_comment;
use crate::context::{Context, View};

const RULE: &str = "anyio-shield";

/// The function that shields.
pub(crate) const API: &str = "asyncio.shield";

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut left = false;
    for (use_, api, view) in cx.uses_for(RULE) {
        if is_left(cx, use_, view) {
            left = true;
            continue;
        }
        changes.push(
            moved(cx, use_, api, view)
                .unwrap_or_else(|reason| Change::declined(RULE, use_.place, &*use_.api, reason)),
        );
    }
    if left {
        anyio_tasks::plan_shielded(cx, changes);
    }
}

/// Whether the use is `await asyncio.shield(f())` where who waits may be let go before the call has ended: it becomes a task.
pub(crate) fn is_left(cx: &Context<'_>, use_: &Use, view: &View<'_>) -> bool {
    let call = view.call_of(use_.place.range).filter(|_| use_.only);
    call.is_some_and(
        |call| match (&*call.arguments.args, &*call.arguments.keywords) {
            ([what @ Expr::Call(_)], []) => {
                awaited(cx, view, what) == Awaited::Coroutine
                    && view.await_of(call.range()).is_some()
                    && !in_cleanup(view, call)
                    && may_be_cancelled(cx, use_.place)
            }
            _ => false,
        },
    )
}

fn moved<'c>(
    cx: &Context<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let message = "`asyncio.shield` becomes a shielded scope";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let what = bound.get("arg").ok_or("there is nothing to shield")?;
    if !bound.only(&["arg"]) {
        return Err("it is given a loop".to_owned());
    }
    match awaited(cx, view, what) {
        Awaited::Coroutine => {}
        Awaited::Unknown => change.caveat("what it shields is not known"),
        Awaited::Future | Awaited::Shield => {
            return Err(
                "it shields a task or future that others wait for, too: await its handle from a task group instead"
                    .to_owned(),
            );
        }
    }
    if change.caveats.is_empty() && is_timed(cx, view, call) {
        // It makes a task of the coroutine, and the next round moves that.
        "`asyncio.shield` makes a task of what it is given".clone_into(&mut change.message);
        change.edit(Edit::insert(what.start(), "{@asyncio}.create_task(", &[]));
        change.edit(Edit::insert(what.end(), ")", &[]));
        return Ok(change);
    }
    let await_ = view
        .await_of(call.range())
        .and_then(|await_| view.tree.expr_at(await_.range()))
        .ok_or(
            "it is not awaited here: what it shields goes on by itself, and needs a task group that lives longer",
        )?;
    let stmt = statement_around(view, await_)
        .ok_or("it stands in a larger expression: give it a statement of its own")?;
    let open = TextRange::new(call.start(), what.start());
    let close = TextRange::new(what.end(), call.end());
    if has_comment(view, open) || has_comment(view, close) {
        return Err("a comment stands between its brackets".to_owned());
    }
    if !in_cleanup(view, call) && may_be_cancelled(cx, use_.place) {
        return Err(
            "a caller that is cancelled, or whose time is up, would be kept until it is done, where asyncio lets it go at once: make the coroutine where it is shielded"
                .to_owned(),
        );
    }
    change.edit(Edit::Wrap(Wrap {
        range: stmt.range(),
        before: Vec::new(),
        header: pieces("with {@anyio}.CancelScope(shield=True):", &[]),
        last: Vec::new(),
        after: Vec::new(),
    }));
    let (before, after) = if can_be_awaited(view, what) {
        ("", "")
    } else {
        ("(", ")")
    };
    change.edit(Edit::replace(open, before, &[]));
    change.edit(Edit::replace(close, after, &[]));
    Ok(change)
}

/// Whether it stands in an awaited `asyncio.wait_for`, which goes on when the time is over, as does what is shielded.
fn is_timed(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let mut around = view.tree.ancestors(call);
    let outer = around.find(|node| !matches!(node, AnyNodeRef::Arguments(_)));
    let Some(AnyNodeRef::ExprCall(outer)) = outer else {
        return false;
    };
    let first = outer.arguments.args.first();
    first.is_some_and(|it| it.range() == call.range())
        && cx.api_of(view, &outer.func) == Some("asyncio.wait_for")
        && view.await_of(outer.range()).is_some()
}

/// Whether a cancellation can reach the place, also from code that is not seen.
fn may_be_cancelled(cx: &Context<'_>, place: Place) -> bool {
    if can_be_cancelled(cx, place) {
        return true;
    }
    let mut seen: BTreeSet<FuncId> = BTreeSet::new();
    let mut todo = vec![cx.program.function_at(place)];
    while let Some(func) = todo.pop() {
        if func == FuncId::NONE || cx.callers.is_handed_over(func) {
            return true;
        }
        let is_body = cx.program.function(func).kind == FunctionKind::Module;
        if is_body || !seen.insert(func) {
            continue;
        }
        let sites = cx.callers.of(func);
        if sites.is_empty() {
            return true;
        }
        todo.extend(sites.iter().map(|site| site.owner));
    }
    false
}

/// Whether it stands in a `finally`, or in an `except`: the function is about to end.
fn in_cleanup<'v>(view: &View<'v>, call: &'v ExprCall) -> bool {
    view.tree
        .ancestors(call)
        .take_while(|node| {
            !matches!(
                node,
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_)
            )
        })
        .any(|node| match node {
            AnyNodeRef::ExceptHandlerExceptHandler(_) => true,
            AnyNodeRef::StmtTry(it) => it
                .finalbody
                .iter()
                .any(|stmt| stmt.range().contains_range(call.range())),
            _ => false,
        })
}
