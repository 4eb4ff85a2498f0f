//! Small functions that migrated code needs where a task may fail without taking its group along.

use loopshift_python::edit::Helper;

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

/// What `gather(return_exceptions=True)` has for a task.
pub(super) static VALUE_OR_ERROR: Helper = Helper {
    name: "_value_or_error",
    source: "async def {name}(task):
    \"\"\"The value of a task, or its error.\"\"\"
    try:
        value, error = await task
    except {@anyio}.TaskCancelled as exc:
        return exc
    return value if error is None else error
",
};

/// What asyncio does with the error of a task that nobody waits for.
pub(super) static LOG_ERRORS: Helper = Helper {
    name: "_log_errors",
    source: "async def {name}(coro):
    \"\"\"Run a task that nobody waits for.\"\"\"
    try:
        return await coro
    except Exception:
        {@logging}.getLogger(__name__).exception(\"Unhandled error in a background task\")
",
};

/// `asyncio.Task.done`.
pub(super) static IS_DONE: Helper = Helper {
    name: "_is_done",
    source: "def {name}(task):
    \"\"\"Whether the task has ended.\"\"\"
    status = {@anyio}.TaskHandle.Status
    return task.status not in (status.PENDING, status.CANCELLING)
",
};

/// Gives callers the error itself in place of the group around it.
pub(super) static FIRST_ERROR: Helper = Helper {
    name: "_first_error",
    source: "@{@contextlib:contextmanager}
def {name}():
    \"\"\"Raise the first error of a task group in place of the group.\"\"\"
    try:
        yield
    except BaseExceptionGroup as group:
        _, rest = group.split({@anyio}.TaskFailed)
        exc = rest or group
        while isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        raise exc from exc.__cause__
",
};

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
    status = {@anyio}.TaskHandle.Status
    pending = {{task for task in tasks if task.status in (status.PENDING, status.CANCELLING)}}
    return tasks - pending, pending
",
};

/// `asyncio.wait` until the first has failed, over tasks that keep their errors.
pub(super) static WAIT_FIRST_ERROR: Helper = Helper {
    name: "_wait_first_error",
    source: "async def {name}(tasks, timeout=None):
    \"\"\"The tasks that are done when one fails or all are done, and the others.\"\"\"
    tasks = set(tasks)
    status = {@anyio}.TaskHandle.Status

    async def watch(task):
        await task.wait()
        if task.status is status.FINISHED and task.return_value[1] is not None:
            tg.cancel_scope.cancel()

    with {@anyio}.move_on_after(timeout):
        async with {@anyio}.create_task_group() as tg:
            for task in tasks:
                tg.start_soon(watch, task)
    pending = {{task for task in tasks if task.status in (status.PENDING, status.CANCELLING)}}
    return tasks - pending, pending
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
    status = {@anyio}.TaskHandle.Status
    pending = {{task for task in tasks if task.status in (status.PENDING, status.CANCELLING)}}
    return tasks - pending, pending
",
};
