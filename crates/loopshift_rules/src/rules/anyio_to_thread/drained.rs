//! Calls in a pool of the program's own whose error leaves the `with` statement of the pool: that waits for all of them,
//! also for those that have not started.

use loopshift_engine::change::Place;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, StmtWith};

use crate::common::collected::{Collected, collected};
use crate::common::gather_helpers::GATHER_ALL;
use crate::common::in_place::leaves;
use crate::common::siblings::{is_within, starts_beside};
use crate::context::{Context, View};
use crate::rules::anyio_to_thread::executors::limited;

/// Whether the first error of what a call of `gather` waits for is seen only when all has ended: nothing but calls in one
/// pool, whose `with` statement the error leaves at once, in a program where nothing else runs meanwhile.
pub(crate) fn is_drained(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> bool {
    let Some(calls) = pool_calls(cx, view, call) else {
        return false;
    };
    let with = with_left(view, call);
    let is_of = |calls: &ExprCall| {
        let executor = calls.arguments.args.first();
        let pool = executor.and_then(|it| limited(cx, view.place(it)));
        pool.is_some_and(|it| with.is_some_and(|with| enters(view, with, &it.sites)))
    };
    view.await_of(call.range()).is_some() && calls.into_iter().all(is_of) && *cx.once(only_pools)
}

/// The calls of `run_in_executor` that a call of `gather` waits for, if there is nothing else.
fn pool_calls<'v>(
    cx: &Context<'_>,
    view: &'v View<'_>,
    call: &'v ExprCall,
) -> Option<Vec<&'v ExprCall>> {
    let mut found = Vec::new();
    for leaf in leaves(&call.arguments.args) {
        let items = match collected(view, leaf) {
            Some(Collected::Written(it)) => leaves(std::slice::from_ref(it)),
            Some(Collected::Appended { items, .. }) => items,
            None => vec![leaf],
        };
        for item in items {
            let Expr::Call(item) = item else { return None };
            let is_one =
                cx.api_of(view, &item.func)? == "asyncio.AbstractEventLoop.run_in_executor";
            if !is_one {
                return None;
            }
            found.push(item);
        }
    }
    (!found.is_empty()).then_some(found)
}

/// The `with` statement that an error which is raised in its block leaves first, with nothing on its way.
fn with_left<'v>(view: &'v View<'_>, call: &'v ExprCall) -> Option<&'v StmtWith> {
    view.tree
        .ancestors(call)
        .find_map(|node| match node {
            AnyNodeRef::StmtWith(with) => Some(Some(with)),
            AnyNodeRef::StmtTry(_)
            | AnyNodeRef::StmtFunctionDef(_)
            | AnyNodeRef::ExprLambda(_)
            | AnyNodeRef::StmtClassDef(_) => Some(None),
            _ => None,
        })
        .flatten()
}

/// Whether a statement enters the pool that is made here last of all.
fn enters(view: &View<'_>, with: &StmtWith, sites: &[Place]) -> bool {
    let last = with.items.last();
    last.is_some_and(|it| sites == [view.place(&it.context_expr)])
}

/// Whether nothing of the program runs in the event loop beside who waits for pools.
fn only_pools(cx: &Context<'_>) -> bool {
    cx.uses.iter().all(|use_| {
        match use_.api.as_str() {
            "asyncio.gather" => {}
            "anyio.gather" => return false,
            "asyncio.AbstractEventLoop.run_in_executor" => return true,
            api => return !starts_beside(api) || is_within(cx, use_.place, GATHER_ALL.name),
        }
        let Some(view) = cx.view(use_.place.file) else {
            return false;
        };
        let call = view.call_of(use_.place.range);
        call.is_some_and(|call| pool_calls(cx, view, call).is_some())
    })
}
