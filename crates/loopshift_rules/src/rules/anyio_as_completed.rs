//! `for fut in asyncio.as_completed(coros)` becomes `async for fut in finished` in a block that runs them.
//!
//! `anyio.as_completed` takes at least one awaitable, and a failing one cancels the others. Where either may matter, a
//! function of the same shape takes its place that hands over every outcome by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::ir::FuncId;
use loopshift_engine::uses::Use;
use loopshift_python::Ranged;
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt, StmtFor};
use loopshift_python::edit::{Edit, Helper, Piece, Wrap};

use crate::catalog::Api;
use crate::common::awaited::{Awaited, coroutines, elements, offloaded};
use crate::common::cancellation::handlers_by_function;
use crate::common::code::{Reach, has_comment, is_yield, own};
use crate::common::each_awaited::awaited_once;
use crate::common::in_place::{declined, give_coroutines, made_in};
use crate::common::raising::Raising;
use crate::common::siblings::{ends_alike, is_left_unseen};
use crate::context::{Context, View};

const RULE: &str = "anyio-as-completed";

static AS_COMPLETED: Helper = Helper {
    name: "_as_completed",
    source: "\
@{@contextlib:asynccontextmanager}
async def {name}(coros):
    \"\"\"Run coroutines, and give an awaitable for each when it is done, as asyncio.as_completed does.\"\"\"
    coros = list(coros)
    error = None
    send, receive = {@anyio}.create_memory_object_stream(len(coros))

    class Finished:
        def __init__(self, value, error):
            self.value = value
            self.error = error

        def __await__(self):
            if self.error is not None:
                raise self.error
            return self.value
            yield

    async def run(coro, send):
        with send:
            try:
                send.send_nowait(Finished(await coro, None))
            except Exception as exc:
                send.send_nowait(Finished(None, exc))

    async with receive, {@anyio}.create_task_group() as tg:
        with send:
            for coro in coros:
                tg.start_soon(run, coro, send.clone())
        try:
            yield receive
        except Exception as exc:  # not in a group
            error = exc
        tg.cancel_scope.cancel()
    if error is not None:
        raise error
",
};

/// The same, until a time is over: what is not done then raises where its result is awaited.
static AS_COMPLETED_IN_TIME: Helper = Helper {
    name: "_as_completed_in_time",
    source: "\
@{@contextlib:asynccontextmanager}
async def {name}(coros, *, timeout):
    \"\"\"Run coroutines, and give an awaitable for each when it is done or the time is over, as asyncio.as_completed does.\"\"\"
    coros = list(coros)
    deadline = {@math}.inf if timeout is None else {@anyio}.current_time() + timeout
    error = None
    send, receive = {@anyio}.create_memory_object_stream(len(coros))

    class Finished:
        def __init__(self, value, error):
            self.value = value
            self.error = error

        def __await__(self):
            if self.error is not None:
                raise self.error
            return self.value
            yield

    async def run(coro):
        try:
            send.send_nowait(Finished(await coro, None))
        except Exception as exc:
            send.send_nowait(Finished(None, exc))

    async def finished():
        for _ in coros:
            result = Finished(None, TimeoutError())
            try:
                result = receive.receive_nowait()
            except {@anyio}.WouldBlock:
                with {@anyio}.move_on_after(deadline - {@anyio}.current_time()):
                    result = await receive.receive()
            yield result

    async with send, receive, {@anyio}.create_task_group() as tg:
        for coro in coros:
            tg.start_soon(run, coro)
        try:
            yield finished()
        except Exception as exc:  # not in a group
            error = exc
        tg.cancel_scope.cancel()
    if error is not None:
        raise error
",
};

struct Facts<'r, 'c> {
    raising: Raising<'r, 'c>,
    reach: Arc<Reach>,
    handlers: BTreeMap<FuncId, Vec<Place>>,
}

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    let mut uses = cx.uses_for(RULE).peekable();
    if uses.peek().is_none() {
        return;
    }
    let facts = Facts {
        raising: Raising::new(cx),
        reach: cx.once(Reach::new),
        handlers: handlers_by_function(cx),
    };
    for (use_, api, view) in uses {
        match moved(cx, &facts, use_, api, view) {
            Ok(change) => changes.push(change),
            Err(reason) => changes.extend(declined(cx, RULE, use_, view, &reason)),
        }
    }
}

fn moved<'c>(
    cx: &Context<'c>,
    facts: &Facts<'_, 'c>,
    use_: &Use,
    api: &'c Api,
    view: &'c View<'c>,
) -> Result<Change, String> {
    let message = "`asyncio.as_completed` becomes `anyio.as_completed`";
    let mut change = Change::new(RULE, use_.place, &*use_.api, message);
    let (call, bound) = cx.direct_call(use_, api, view)?;
    let what = bound.get("fs").ok_or("it is given nothing")?;
    if !bound.only(&["fs", "timeout"]) {
        return Err("it is given a loop".to_owned());
    }
    let timeout = (bound.get("timeout")).filter(|timeout| !timeout.is_none_literal_expr());
    let stmt = loop_of(view, call).ok_or(
        "it is not the iterable of a `for` statement, where AnyIO needs a block around the loop",
    )?;
    if stmt.is_async {
        return Err("it stands in an `async for`, which gives back the very tasks".to_owned());
    }
    if !view.is_async(stmt.range()) {
        return Err("it stands in a function that is not `async`".to_owned());
    }
    match elements(cx, view, what) {
        Awaited::Coroutine => {}
        Awaited::Future | Awaited::Shield => {
            return Err("it waits for tasks or futures, which need a task group".to_owned());
        }
        Awaited::Unknown => change
            .caveat("what it waits for is not known: tasks and futures would go on by themselves"),
    }
    if own(&stmt.body).into_iter().any(is_yield) {
        return Err(
            "there is a `yield` in the loop: a task group must not be open over it".to_owned(),
        );
    }
    let waits = waits(cx, view, stmt)
        .ok_or("what it gives is not just awaited, once, in the body of the loop")?;
    let whole = view
        .tree
        .enclosing_statement(stmt.range())
        .ok_or("it can't be found")?;
    view.can_wrap(whole.range())?;
    if has_comment(view, call.range()) {
        return Err("a comment stands in the call".to_owned());
    }
    for func in facts.reach.from(coroutines(cx, view, what)) {
        if let Some(places) = facts.handlers.get(&func) {
            change.requires.extend(places.iter().copied());
        }
    }
    change.requires.extend(offloaded(cx, view, call));
    give_coroutines(cx, &mut change, view, &made_in(cx, view, call))?;
    let may_raise = facts.raising.awaiting(view, what);
    let is_left = leaves(&stmt.body);
    let alike = if is_left {
        is_left_unseen(cx, &facts.reach, view, call)
    } else {
        ends_alike(cx, &facts.reach, view, call, view.place(stmt))
    };
    if alike {
        // It ends as it did.
    } else if timeout.is_some() {
        change.caveat(
            "what still runs when the time is over is cancelled at the end of the loop, where asyncio lets it run on",
        );
    } else if may_raise || is_left {
        change.caveat(
            "a loop that is left early cancels what still runs, where asyncio lets it run on",
        );
    }
    let plain =
        timeout.is_none() && !may_raise && waits && is_never_empty(what) && cx.anyio_has(4, 15);
    let scope = view.scopes.at(stmt.start());
    let finished = view.scopes.fresh_name(scope, "finished");
    let mut header: Vec<Piece> = vec!["async with ".into()];
    if plain {
        header.extend(loopshift_python::edit::pieces(
            "{@anyio}.as_completed(*",
            &[],
        ));
    } else {
        header.push(Piece::Helper(match timeout {
            Some(_) => &AS_COMPLETED_IN_TIME,
            None => &AS_COMPLETED,
        }));
        header.push("(".into());
    }
    header.push(what.range().into());
    if let Some(timeout) = timeout {
        header.push(", timeout=".into());
        header.push(timeout.range().into());
    }
    header.push(format!(") as {finished}:").into());
    change.edit(Edit::Wrap(Wrap {
        range: whole.range(),
        before: Vec::new(),
        header,
        last: Vec::new(),
        after: Vec::new(),
    }));
    change.edit(Edit::insert(stmt.start(), "async ", &[]));
    change.edit(Edit::Replace {
        range: call.range(),
        pieces: vec![finished.into()],
    });
    Ok(change)
}

/// The loop over the call.
fn loop_of<'v>(view: &View<'v>, call: &'v ExprCall) -> Option<&'v StmtFor> {
    match view.tree.parent(call)? {
        AnyNodeRef::StmtFor(stmt) if stmt.iter.range() == call.range() => Some(stmt),
        _ => None,
    }
}

/// Whether the loop variable is awaited once a round, and nothing else is done with it. None where more is done; false
/// where a round may leave it alone.
fn waits(cx: &Context<'_>, view: &View<'_>, stmt: &StmtFor) -> Option<bool> {
    let await_ = awaited_once(cx, view, stmt)?;
    let first = stmt.body.first()?;
    // In the first statement, or in a `try` there, it is reached in every round.
    let reached = match first {
        Stmt::Try(it) => it
            .body
            .first()
            .is_some_and(|inner| inner.range().contains_range(await_.range())),
        Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AugAssign(_) | Stmt::AnnAssign(_) => {
            first.range().contains_range(await_.range())
        }
        _ => false,
    };
    reached.then_some(true)
}

/// Whether the loop may be left before its end.
fn leaves(body: &[Stmt]) -> bool {
    own(body).into_iter().any(|node| {
        matches!(
            node,
            AnyNodeRef::StmtBreak(_) | AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtRaise(_)
        )
    })
}

/// Whether there is something to wait for, for sure.
fn is_never_empty(expr: &Expr) -> bool {
    let plain = |list: &[Expr]| list.iter().any(|element| !element.is_starred_expr());
    match expr {
        Expr::List(it) => plain(&it.elts),
        Expr::Tuple(it) => plain(&it.elts),
        Expr::Set(it) => plain(&it.elts),
        Expr::ListComp(it) => one_filled(&it.generators),
        Expr::Generator(it) => one_filled(&it.generators),
        Expr::SetComp(it) => one_filled(&it.generators),
        _ => false,
    }
}

fn one_filled(generators: &[loopshift_python::ast::Comprehension]) -> bool {
    let [one] = generators else { return false };
    let filled = match &one.iter {
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Name(name) if name.id == "range")
                && matches!(&*call.arguments.args, [only]
                    if crate::common::shared::number(only).is_some_and(|count| count > 0.0))
        }
        other => is_never_empty(other),
    };
    one.ifs.is_empty() && filled
}
