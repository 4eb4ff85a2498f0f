//! Small functions that migrated code needs where a task may fail without taking its group along.

use loopshift_python::edit::Helper;

use super::{handles, results};
use crate::common::gather_helpers;
use crate::context::Context;

/// Keeps the error of a task out of its group.
pub(super) static OUTCOME: Helper = Helper {
    name: "_outcome",
    source: "async def {name}(coro):
    \"\"\"The value and the error of a task whose failure its awaiter handles.\"\"\"
    try:
        return await coro, None
    except Exception as exc:
        return None, exc
",
};

/// The other end of [`OUTCOME`].
pub(super) static VALUE: Helper = Helper {
    name: "_value",
    source: "def {name}(outcome):
    \"\"\"The value of a task that was kept with its error.\"\"\"
    value, error = outcome
    if error is not None:
        raise error
    return value
",
};

/// `wait_for` of a task, which is told to stop when the time is over.
pub(super) static WAIT_FOR: Helper = Helper {
    name: "_wait_for_task",
    source: "async def {name}(task, timeout):
    \"\"\"The value of a task, which is told to stop when the time is over.\"\"\"
    try:
        with {@anyio}.fail_after(timeout):
            return await task
    except TimeoutError:
        task.cancel()
        await task.wait()
        raise
",
};

/// `wait_for` of a task in a shield.
pub(super) static WAIT_FOR_SHIELDED: Helper = Helper {
    name: "_wait_for_shielded",
    source: "async def {name}(task, timeout):
    \"\"\"The value of a task, which goes on when the time is over.\"\"\"
    with {@anyio}.fail_after(timeout):
        return await task
",
};

/// What `gather(return_exceptions=True)` has for a task that nobody tells to stop.
pub(super) static VALUE_OR_ERROR: Helper = Helper {
    name: "_value_or_error",
    source: "async def {name}(task):
    \"\"\"The value of a task, or its error.\"\"\"
    value, error = await task
    return value if error is None else error
",
};

/// The same for one that may be told to stop.
macro_rules! value_or_cancelled {
    ($cancelled:literal) => {
        Helper {
            name: "_value_or_error",
            source: concat!(
                "async def {name}(task):
    \"\"\"The value of a task, or its error.\"\"\"
    try:
        value, error = await task
    except ",
                $cancelled,
                ":
        return {#CancelledError}(\"\")
    return value if error is None else error
"
            ),
        }
    };
}

static VALUE_OR_CANCELLED: Helper = value_or_cancelled!("{@anyio}.TaskCancelled");
static VALUE_OR_CANCELLED_40: Helper = value_or_cancelled!("task.Cancelled");

/// What `gather(return_exceptions=True)` has for a task that may be told to stop.
pub(super) fn value_or_cancelled(cx: &Context<'_>) -> &'static Helper {
    if handles::are_there(cx) {
        &VALUE_OR_CANCELLED
    } else {
        &VALUE_OR_CANCELLED_40
    }
}

/// What `gather(return_exceptions=True)` has for a task that was cancelled.
pub(super) static CANCELLED_ERROR: Helper = Helper {
    name: results::CLASS,
    source: "class {name}(BaseException):
    \"\"\"What stands for a task that was cancelled among the results of tasks.\"\"\"
",
};

macro_rules! log_errors {
    ($logger:literal) => {
        Helper {
            name: "_log_errors",
            source: concat!(
                "async def {name}(coro):
    \"\"\"Run a task that nobody waits for.\"\"\"
    try:
        return await coro
    except Exception:
        {@logging}.getLogger(",
                $logger,
                ").exception(\"Unhandled error in a background task\")
"
            ),
        }
    };
}

static LOG_ERRORS: Helper = log_errors!("__name__");
static LOG_ERRORS_OF_ASYNCIO: Helper = log_errors!("\"asyncio\"");

/// What asyncio does with the error of a task that nobody waits for: with its own logger, where the program has settings
/// for that.
pub(super) fn log_errors(cx: &Context<'_>) -> &'static Helper {
    if *cx.once(sets_logger) {
        &LOG_ERRORS_OF_ASYNCIO
    } else {
        &LOG_ERRORS
    }
}

/// Whether the program gets the logger of asyncio.
fn sets_logger(cx: &Context<'_>) -> bool {
    let mut texts = cx.program.files.iter().map(|file| &file.text);
    texts.any(|text| {
        text.contains("getLogger(\"asyncio\")") || text.contains("getLogger('asyncio')")
    })
}

/// `asyncio.Task.done`.
pub(super) static IS_DONE: Helper = Helper {
    name: "_is_done",
    source: "def {name}(task):
    \"\"\"Whether the task has ended.\"\"\"
    return task.status not in (task.Status.PENDING, task.Status.CANCELLING)
",
};

/// `asyncio.Task.cancel`, which tells whether the task had not ended.
pub(super) static CANCEL: Helper = Helper {
    name: "_cancel",
    source: "def {name}(task):
    \"\"\"Tell the task to stop, and whether there was something to stop.\"\"\"
    runs = task.status in (task.Status.PENDING, task.Status.CANCELLING)
    task.cancel()
    return runs
",
};

/// Gives callers the error itself in place of the group around it: `$failed` is beside it where the task is awaited.
macro_rules! first_error {
    ($imports:literal, $failed:literal) => {
        Helper {
            name: "_first_error",
            source: concat!(
                $imports,
                "@{@contextlib:contextmanager}
def {name}():
    \"\"\"Raise the first error of a task group in place of the group.\"\"\"
    try:
        yield
    except BaseExceptionGroup as group:
        _, rest = group.split(",
                $failed,
                ")
        exc = (rest or group).exceptions[0]
        raise exc from exc.__cause__
"
            ),
        }
    };
}

/// [`first_error`] before Python 3.11.
macro_rules! first_error_310 {
    ($failed:literal) => {
        first_error!(
            "if {@sys}.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup


",
            $failed
        )
    };
}

static FIRST_ERROR: Helper = first_error!("", "{@anyio}.TaskFailed");
static FIRST_ERROR_310: Helper = first_error_310!("{@anyio}.TaskFailed");
static FIRST_ERROR_40: Helper = first_error!("", "{#TaskHandle}.Failed");
static FIRST_ERROR_40_310: Helper = first_error_310!("{#TaskHandle}.Failed");

/// What gives callers the error itself; `own` says that the module has a class of handles.
pub(super) fn first_error(cx: &Context<'_>, own: bool) -> &'static Helper {
    let groups = cx.settings.python_has(3, 11);
    match (handles::are_there(cx), own, groups) {
        (true, _, true) => &FIRST_ERROR,
        (true, _, false) => &FIRST_ERROR_310,
        (false, true, true) => &FIRST_ERROR_40,
        (false, true, false) => &FIRST_ERROR_40_310,
        (false, false, true) => &gather_helpers::FIRST_ERROR,
        (false, false, false) => &gather_helpers::FIRST_ERROR_310,
    }
}

/// `await task` of asyncio: who is cancelled there cancels the task.
pub(super) static JOINED: Helper = Helper {
    name: "_joined",
    source: "async def {name}(task):
    \"\"\"Wait for a task, and cancel it where the wait is cancelled.\"\"\"
    try:
        return await task
    except {@anyio}.get_cancelled_exc_class():
        task.cancel()
        with {@anyio}.CancelScope(shield=True):
            await task.wait()
        raise
",
};

/// `asyncio.wait` until the first is done.
pub(super) static WAIT_FIRST: Helper = Helper {
    name: "_wait_first",
    source: "async def {name}(tasks, timeout=None):
    \"\"\"The tasks that are done when the first one is, and the others.\"\"\"
    tasks = set(tasks)

    async def watch(task):
        await task.wait()
        tg.cancel_scope.cancel()

    with {@anyio}.move_on_after(timeout):
        async with {@anyio}.create_task_group() as tg:
            for task in tasks:
                tg.start_soon(watch, task)
    pending = {{task for task in tasks if task.status in (task.Status.PENDING, task.Status.CANCELLING)}}
    return tasks - pending, pending
",
};

/// `asyncio.wait` until the first has failed, over tasks that keep their errors.
pub(super) static WAIT_FIRST_ERROR: Helper = Helper {
    name: "_wait_first_error",
    source: "async def {name}(tasks, timeout=None):
    \"\"\"The tasks that are done when one fails or all are done, and the others.\"\"\"
    tasks = set(tasks)

    async def watch(task):
        await task.wait()
        if task.status is task.Status.FINISHED and task.return_value[1] is not None:
            tg.cancel_scope.cancel()

    with {@anyio}.move_on_after(timeout):
        async with {@anyio}.create_task_group() as tg:
            for task in tasks:
                tg.start_soon(watch, task)
    pending = {{task for task in tasks if task.status in (task.Status.PENDING, task.Status.CANCELLING)}}
    return tasks - pending, pending
",
};

/// `asyncio.gather` over tasks that keep their errors.
pub(super) static GATHER_KEPT: Helper = Helper {
    name: "_gather",
    source: "async def {name}(*tasks):
    \"\"\"The values of tasks, or the first error as soon as there is one.\"\"\"
    failed = []

    async def watch(task):
        await task.wait()
        if task.status is not task.Status.FINISHED or task.return_value[1] is not None:
            failed.append(task)
            tg.cancel_scope.cancel()

    async with {@anyio}.create_task_group() as tg:
        for task in tasks:
            tg.start_soon(watch, task)
    if failed:
        _, error = await failed[0]
        raise error
    return [task.return_value[0] for task in tasks]
",
};

/// `wait_for` of `gather` over tasks that keep their errors.
pub(super) static GATHER_FOR: Helper = Helper {
    name: "_gather_for",
    source: "async def {name}(tasks, timeout):
    \"\"\"The values of tasks, or the first error; they are told to stop when the time is over.\"\"\"
    tasks = list(tasks)
    failed = []

    async def watch(task):
        await task.wait()
        if task.status is not task.Status.FINISHED or task.return_value[1] is not None:
            failed.append(task)
            tg.cancel_scope.cancel()

    with {@anyio}.move_on_after(timeout) as scope:
        async with {@anyio}.create_task_group() as tg:
            for task in tasks:
                tg.start_soon(watch, task)
    if scope.cancelled_caught and not failed:
        pending = [task for task in tasks if task.status in (task.Status.PENDING, task.Status.CANCELLING)]
        for task in pending:
            task.cancel()
        async with {@anyio}.create_task_group() as tg:
            for task in tasks:
                tg.start_soon(watch, task)
        first = failed[0] if failed else None
        if pending and first is None or first is not None and first.status is not first.Status.FINISHED:
            raise TimeoutError
    if failed:
        _, error = await failed[0]
        raise error
    return [task.return_value[0] for task in tasks]
",
};

/// `asyncio.wait` until all are done.
pub(super) static WAIT_ALL: Helper = Helper {
    name: "_wait_all",
    source: "async def {name}(tasks, timeout=None):
    \"\"\"The tasks that are done when all are, or the time is over, and the others.\"\"\"
    tasks = set(tasks)
    with {@anyio}.move_on_after(timeout):
        for task in tasks:
            await task.wait()
    pending = {{task for task in tasks if task.status in (task.Status.PENDING, task.Status.CANCELLING)}}
    return tasks - pending, pending
",
};
