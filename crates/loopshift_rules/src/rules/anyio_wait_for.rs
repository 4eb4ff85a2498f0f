//! `asyncio.wait_for(f(), t)` becomes `await f()` in `with anyio.fail_after(t)`.
//!
//! Where no block can be put around the statement (conditions, comprehensions, arguments of other calls) a small
//! function of the same shape takes its place.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::Target;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::FuncId;
use loopshift_engine::objects::{Cluster, clusters};
use loopshift_engine::uses::Use;
use loopshift_python::ast::{Expr, ExprCall, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::anyio_future;
use crate::catalog::Api;
use crate::common::awaited::{
    Awaited, awaited, can_be_awaited, coroutines, is_conditional, is_plain, statement_around,
};
use crate::common::cancellation::handlers_by_function;
use crate::common::code::{Reach, definition, has_comment, switches};
use crate::common::in_place::{declined, give_coroutines, made_in, take_over, unmade};
use crate::common::order::Order;
use crate::common::seconds::{Seconds, seconds};
use crate::common::timeouts;
use crate::context::{Context, View};

const RULE: &str = "anyio-wait-for";

/// Waits for a future of `AnyIO`, and cancels it where asyncio does.
static WAIT_FOR_FUTURE: Helper = Helper {
    name: "_wait_for_future",
    source: "\
async def {name}(future, timeout):
    \"\"\"The value of a future, which is cancelled when the time is over.\"\"\"
    try:
        with {@anyio}.fail_after(timeout):
            return await future
    except {@anyio}.FutureFailed as failed:
        raise failed.__cause__ from failed.__cause__.__cause__
    finally:
        future.cancel()
",
};

static WAIT_FOR: Helper = Helper {
    name: "_wait_for",
    source: "\
async def {name}(fut, timeout):
    with {@anyio}.fail_after(timeout):
        return await fut
",
};

/// The same where it is not known that there is time left.
static WAIT_FOR_IN_TIME: Helper = Helper {
    name: "_wait_for_in_time",
    source: "\
async def {name}(fut, timeout):
    \"\"\"Wait as asyncio.wait_for does, which does not start what has no time left.\"\"\"
    if timeout is not None and timeout <= 0:
        fut.close()
        await {@anyio}.sleep(0)
        raise TimeoutError
    with {@anyio}.fail_after(timeout):
        return await fut
",
};

/// The same where somebody can see that asyncio makes a task of it.
static WAIT_FOR_TASK: Helper = Helper {
    name: "_wait_for_task_of",
    source: "\
async def {name}(coro, timeout):
    \"\"\"Wait as asyncio.wait_for does for a coroutine in a task of its own: what is ready runs before it, and after it.\"\"\"
    if timeout is not None and timeout <= 0:
        coro.close()
        await {@anyio}.sleep(0)
        raise TimeoutError
    try:
        with {@anyio}.fail_after(timeout):
            await {@anyio}.sleep(0)
            value = await coro
    except Exception:
        await {@anyio}.sleep(0)
        raise
    await {@anyio}.sleep(0)
    return value
",
};

/// What the rule knows of the whole program.
struct Facts<'c> {
    order: LazyCell<Order<'c>, Box<dyn FnOnce() -> Order<'c> + 'c>>,
    reach: Arc<Reach>,
    handlers: BTreeMap<FuncId, Vec<Place>>,
    /// Calls that set a context variable, by function.
    sets_context: Arc<Vec<FuncId>>,
    futures: Vec<Cluster>,
}

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut uses = cx.uses_for(RULE).peekable();
    if uses.peek().is_none() {
        return;
    }
    let facts = Facts {
        order: LazyCell::new(Box::new(|| Order::new(cx))),
        reach: cx.once(Reach::new),
        handlers: handlers_by_function(cx),
        sets_context: cx.once(sets_context),
        futures: clusters(cx.program, |class| class == "asyncio.Future"),
    };
    for (use_, api, view) in uses {
        match moved(cx, &facts, use_, api, view) {
            Ok(mut change) => {
                change.requires.extend(timeouts::handlers_to_move(cx));
                changes.push(change);
            }
            Err(reason) => changes.extend(declined(cx, RULE, use_, view, &reason)),
        }
    }
}

fn moved<'c>(
    cx: &Context<'c>,
    facts: &Facts<'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let message = "`asyncio.wait_for` becomes a block with `anyio.fail_after`";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let callee = view
        .tree
        .expr_at(use_.place.range)
        .ok_or("it can't be found")?;
    if !use_.only || !view.is_direct(callee) {
        return Err("it is called through a variable that may hold something else".to_owned());
    }
    let Some(call) = view.call_of(use_.place.range) else {
        return Err(
            "it is passed on as a function; call it in a function of your own instead".to_owned(),
        );
    };
    let bound = cx.bind(api, call).map_err(|error| error.to_string())?;
    let (Some(what), Some(timeout)) = (bound.get("fut"), bound.get("timeout")) else {
        return Err("there is no awaitable, or no timeout".to_owned());
    };
    if !bound.only(&["fut", "timeout"]) {
        return Err("it is given a loop".to_owned());
    }
    let made = made_in(cx, view, call);
    let what = unmade(cx, view, what);
    if let Expr::Call(gather) = what
        && cx.api_of(view, &gather.func) == Some("asyncio.gather")
    {
        // What asyncio runs is cancelled again and again by a scope of AnyIO, also while it cleans up.
        change.requires.push(view.place(&*gather.func));
    }
    match awaited(cx, view, what) {
        Awaited::Coroutine => {}
        // It makes a task of it.
        Awaited::Unknown if !made.is_empty() => {}
        Awaited::Future => {
            let made = futures(cx, &facts.futures, view.place(what))
                .ok_or("it waits for a task or future, which the timeout of AnyIO does not cancel")?;
            // What that changes is told where the future is made.
            change.requires.extend(made);
            if anyio_future::are_there(cx) {
                change.edit(Edit::Replace {
                    range: call.func.range(),
                    pieces: vec![Piece::Helper(&WAIT_FOR_FUTURE)],
                });
                return Ok(change);
            }
        }
        Awaited::Shield => {
            return Err(
                "it waits for `asyncio.shield`: what is shielded goes on after the timeout and needs a task group"
                    .to_owned(),
            );
        }
        Awaited::Unknown => change.caveat(
            "what it waits for is not known: a task or a future would not be cancelled by the timeout of AnyIO",
        ),
    }
    let limit = seconds(cx, view, timeout, 4);
    let can_be_closed =
        awaited(cx, view, what) == Awaited::Coroutine && !takes_coroutines(cx, view, what);
    let asks_first = match limit {
        Seconds::Zero => can_be_closed,
        Seconds::Unknown => can_be_closed && !cx.settings.plain,
        Seconds::Positive | Seconds::NoLimit => false,
    };
    match limit {
        Seconds::Zero if !asks_first => {
            return Err(
                "with no time at all asyncio never starts the coroutine, and AnyIO runs it up to its first checkpoint"
                    .to_owned(),
            );
        }
        Seconds::Unknown if !asks_first => change.caveat(
            "if the timeout is 0 or less, asyncio never starts the coroutine, and AnyIO runs it up to its first checkpoint",
        ),
        _ => {}
    }
    let reached = facts.reach.from(coroutines(cx, view, what));
    let in_task = !made.is_empty() || !cx.settings.python_has(3, 12) && limit != Seconds::NoLimit;
    if in_task && facts.sets_context.iter().any(|func| reached.contains(func)) {
        return Err(
            "the coroutine sets a context variable, and its task, which up to Python 3.11 `wait_for` makes, keeps that from the caller"
                .to_owned(),
        );
    }
    for func in &reached {
        if let Some(handlers) = facts.handlers.get(func) {
            change.requires.extend(handlers.iter().copied());
        }
    }
    let place = outermost_await(cx, view, call);
    let helper = if in_task && facts.is_seen_as_task(cx, view, what) {
        &WAIT_FOR_TASK
    } else if asks_first {
        &WAIT_FOR_IN_TIME
    } else if let Some(stmt) = place.and_then(|await_| block(view, call, what, timeout, await_)) {
        take_over(cx, &mut change, view, &made);
        in_block(&mut change, view, call, what, timeout, stmt);
        return Ok(change);
    } else {
        &WAIT_FOR
    };
    give_coroutines(cx, &mut change, view, &made)?;
    change.edit(Edit::Replace {
        range: call.func.range(),
        pieces: vec![Piece::Helper(helper)],
    });
    Ok(change)
}

impl Facts<'_> {
    /// Whether somebody can see that what is waited for runs in a task of its own, where it is a coroutine of the program:
    /// others that are ready run before it begins, and between its end and what follows; by that even a coroutine that never
    /// waits lets them run.
    fn is_seen_as_task(&self, cx: &Context<'_>, view: &View<'_>, what: &Expr) -> bool {
        let here = view.place(what);
        cx.program.values_at(here).any(|value| match value {
            Value::Coroutine(func) => {
                let never_waits =
                    || definition(cx, func).is_some_and(|(_, def)| !switches(&def.body));
                self.order.begins_seen(here, func)
                    || self.order.ends_seen(here, func)
                    || never_waits() && !self.order.is_alone(here)
            }
            _ => false,
        })
    }
}

/// Whether a call of asyncio makes the coroutine, which has others in it that nobody would close.
fn takes_coroutines(cx: &Context<'_>, view: &View<'_>, what: &Expr) -> bool {
    let Expr::Call(call) = what else { return false };
    matches!(
        cx.api_of(view, &call.func),
        Some("asyncio.gather" | "asyncio.wait_for" | "asyncio.shield" | "asyncio.wait")
    )
}

/// The calls that make the futures at a place, where nothing else can be there.
fn futures(cx: &Context<'_>, clusters: &[Cluster], place: Place) -> Option<Vec<Place>> {
    let only = cx
        .program
        .values_at(place)
        .all(|value| matches!(value, Value::Object(class, _) if cx.program.flow.text(class) == "asyncio.Future"));
    let held = |cluster: &&Cluster| cluster.places.iter().any(|it| it.place == place);
    let cluster = clusters.iter().find(held).filter(|_| only)?;
    let made = cluster.sites.iter().all(|site| {
        let view = cx.view(site.file);
        let api = view.and_then(|view| match view.tree.expr_at(site.range) {
            Some(Expr::Call(call)) => cx.api_of(view, &call.func),
            _ => None,
        });
        api.is_some_and(anyio_future::makes)
    });
    (made && !cluster.sites.is_empty()).then(|| cluster.sites.clone())
}

/// The `await` that waits for the call: around it, or around another `wait_for` that is given it.
fn outermost_await<'v>(cx: &Context<'_>, view: &View<'v>, call: &'v ExprCall) -> Option<&'v Expr> {
    let mut inner = call.range();
    for _ in 0..20 {
        if let Some(await_) = view.await_of(inner) {
            return view.tree.expr_at(await_.range());
        }
        let expr = view.tree.expr_at(inner)?;
        let parent = view.tree.ancestors(expr).find_map(|node| match node {
            loopshift_python::ast::AnyNodeRef::ExprCall(call) if call.range() != inner => {
                Some(call)
            }
            _ => None,
        })?;
        let first = parent.arguments.args.first()?;
        if first.range() != inner || cx.api_of(view, &parent.func) != Some("asyncio.wait_for") {
            return None;
        }
        inner = parent.range();
    }
    None
}

/// The statement to put into the block, where that keeps the order of what happens.
fn block<'v>(
    view: &View<'v>,
    call: &ExprCall,
    what: &Expr,
    timeout: &Expr,
    await_: &'v Expr,
) -> Option<&'v Stmt> {
    let stmt = statement_around(view, await_)?;
    // The brackets go, and with them the comments between what stays.
    let around = [
        TextRange::new(call.start(), what.start().max(call.start())),
        TextRange::new(what.end(), call.end()),
    ];
    if what.start() > timeout.start() || around.iter().any(|range| has_comment(view, *range)) {
        return None;
    }
    let plain_call = match what {
        Expr::Call(call) => {
            is_plain(&call.func)
                && call.arguments.args.iter().all(is_plain)
                && call.arguments.keywords.iter().all(|it| is_plain(&it.value))
        }
        other => is_plain(other),
    };
    let in_order = is_plain(timeout) || plain_call;
    let always = timeout.is_literal_expr() || !is_conditional(view, await_);
    (in_order && always).then_some(stmt)
}

fn in_block(
    change: &mut Change,
    view: &View<'_>,
    call: &ExprCall,
    what: &Expr,
    timeout: &Expr,
    stmt: &Stmt,
) {
    if !timeout.is_none_literal_expr() {
        change.edit(Edit::Wrap(Wrap {
            range: stmt.range(),
            before: Vec::new(),
            header: pieces("with {@anyio}.fail_after({0}):", &[timeout.range().into()]),
            last: Vec::new(),
            after: Vec::new(),
        }));
    }
    let (open, close) = if can_be_awaited(view, what) {
        ("", "")
    } else {
        ("(", ")")
    };
    change.edit(Edit::replace(
        TextRange::new(call.start(), what.start()),
        open,
        &[],
    ));
    change.edit(Edit::replace(
        TextRange::new(what.end(), call.end()),
        close,
        &[],
    ));
}

/// The functions that set a context variable themselves; to be kept by [`Context::once`].
pub(crate) fn sets_context(cx: &Context<'_>) -> Vec<FuncId> {
    let mut found = Vec::new();
    for (_, call) in cx.program.calls() {
        for target in cx.program.callees(call) {
            if let Target::External(sym) = target
                && cx.program.flow.text(*sym) == "contextvars.ContextVar.set"
            {
                found.push(call.owner);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
