//! `asyncio.as_completed` over tasks: each `await` in the loop waits for the task that ends next.

use loopshift_engine::change::Change;
use loopshift_python::ast::{AnyNodeRef, ExprCall, StmtFor};
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange, TextSize};

use super::family::{Wait, WaitKind, held};
use crate::common::each_awaited::awaited_once;
use crate::context::{Context, View};

/// The source of `asyncio.as_completed` over tasks, with what the coroutine does that waits for the next one when it has ended.
macro_rules! as_ended {
    ($ended:literal) => {
        concat!(
            "\
def {name}(tg, tasks, timeout=None):
    \"\"\"What to await for each task, in the order in which they end.\"\"\"
    tasks = set(tasks)
    ended = {@collections:deque}()
    changed = {@anyio}.Event()
    deadline = {@math}.inf if timeout is None else {@anyio}.current_time() + timeout

    async def watch(task):
        nonlocal changed
        await task.wait()
        ended.append(task)
        changed.set()
        changed = {@anyio}.Event()

    async def next_ended():
        with {@anyio}.fail_after(deadline - {@anyio}.current_time()):
            while not ended:
                await changed.wait()
",
            $ended,
            "
    for task in tasks:
        tg.start_soon(watch, task)
    for _ in tasks:
        yield next_ended()
"
        )
    };
}

/// `asyncio.as_completed` of tasks that can't fail.
static AS_COMPLETED: Helper = Helper {
    name: "_as_ended",
    source: as_ended!(
        "        return await ended.popleft()
"
    ),
};

/// The same of tasks that keep their errors.
static AS_COMPLETED_KEPT: Helper = Helper {
    name: "_as_ended",
    source: as_ended!(
        "        value, error = await ended.popleft()
        if error is not None:
            raise error
        return value
"
    ),
};

/// The waits of loops over `asyncio.as_completed` that are given tasks and await each of what it gives once.
pub(super) fn collect<'c>(cx: &Context<'c>) -> Vec<Wait<'c>> {
    let calls = cx
        .uses
        .iter()
        .filter(|it| it.api == "asyncio.as_completed" && it.only);
    calls
        .filter_map(|use_| {
            let view = cx.view(use_.place.file)?;
            let call = view.call_of(use_.place.range)?;
            let row = cx.catalog.get(&use_.api)?;
            let bound = cx.bind(row, call).ok()?;
            let tasks = bound.get("fs")?;
            let held = held(cx, view.place(tasks));
            let only_tasks = !held.sites.is_empty() && !held.coroutine && !held.other;
            let plain = only_tasks
                && bound.only(&["fs", "timeout"])
                && call.arguments.args.first().map(Ranged::range) == Some(tasks.range());
            let await_ = awaited_once(cx, view, loop_over(view, call)?)?;
            plain.then(|| Wait {
                view,
                function: cx.program.function_at(use_.place),
                kind: WaitKind::Next,
                await_,
                call: Some(call),
                operands: vec![&*await_.value],
                sites: held.sites,
                uses: vec![use_.place],
            })
        })
        .collect()
}

/// The loop that goes through what the call gives.
fn loop_over<'v>(view: &View<'v>, call: &'v ExprCall) -> Option<&'v StmtFor> {
    match view.tree.parent(call)? {
        AnyNodeRef::StmtFor(it) if !it.is_async && it.iter.range() == call.range() => Some(it),
        _ => None,
    }
}

/// Has a function of the same shape watch the tasks, in the group.
///
/// # Errors
/// Why it has no form.
pub(super) fn edit(
    change: &mut Change,
    wait: &Wait<'_>,
    group: Option<&str>,
    guarded: bool,
) -> Result<(), String> {
    let group = group.ok_or("there is no task group at hand for what waits for each")?;
    let call = wait.call.ok_or("it waits for nothing")?;
    let helper = if guarded {
        &AS_COMPLETED_KEPT
    } else {
        &AS_COMPLETED
    };
    let file = wait.view.file;
    let function = Edit::Replace {
        range: call.func.range(),
        pieces: vec![Piece::Helper(helper)],
    };
    let first = call.arguments.start() + TextSize::new(1);
    let argument = Edit::Replace {
        range: TextRange::empty(first),
        pieces: vec![Piece::from(format!("{group}, "))],
    };
    change.edits.push((file, function));
    change.edits.push((file, argument));
    Ok(())
}
