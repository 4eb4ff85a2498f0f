//! Tasks: how they are started, waited for and ended.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_spawn",
        source: "\
def {name}(coroutine, tasks=set()):
    \"\"\"Start a task that nobody else holds: the event loop alone would let it be collected.\"\"\"
    task = {@asyncio}.create_task(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
",
    },
    Helper {
        name: "_call",
        source: "\
async def {name}(function, /, *args, **kwargs):
    \"\"\"Call a function that waits for nothing, as a task.\"\"\"
    return function(*args, **kwargs)
",
    },
    Helper {
        name: "_later",
        source: "\
def {name}(seconds, function, /, *args, **kwargs):
    \"\"\"A coroutine that calls an async function after some time, counted from now.\"\"\"

    async def run():
        await start
        return await function(*args, **kwargs)

    loop = {@asyncio}.get_running_loop()
    start = loop.create_future()
    loop.call_later(seconds, lambda: start.done() or start.set_result(None))
    return run()
",
    },
    Helper {
        name: "_join",
        source: "\
async def {name}(task, timeout=None):
    \"\"\"Wait until a task is done, however it ends, and leave it running where the wait is cut short.\"\"\"
    if not task.done():
        await {@asyncio}.wait([task], timeout=timeout)
",
    },
    Helper {
        name: "_joinall",
        source: "\
async def {name}(tasks, timeout=None):
    \"\"\"Wait until all tasks are done, however they end; those that are, in the order in which they ended.\"\"\"
    tasks = list(tasks)
    ended = [task for task in tasks if task.done()]
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.add_done_callback(ended.append)
    if pending:
        await {@asyncio}.wait(pending, timeout=timeout)
    for task in pending:
        task.remove_done_callback(ended.append)
    return ended
",
    },
    Helper {
        name: "_get",
        source: "\
async def {name}(task):
    \"\"\"The result of a task, which goes on where the wait for it is cut short; None where it was cancelled.\"\"\"
    if not task.done():
        await {@asyncio}.wait([task])
    return None if task.cancelled() else task.result()
",
    },
    Helper {
        name: "_value",
        source: "\
def {name}(task):
    \"\"\"The result of a task; None while it has none, and where it failed.\"\"\"
    if not task.done() or task.cancelled() or task.exception():
        return None
    return task.result()
",
    },
    Helper {
        name: "_successful",
        source: "\
def {name}(task):
    \"\"\"Whether a task has ended without an error.\"\"\"
    return task.done() and (task.cancelled() or task.exception() is None)
",
    },
    Helper {
        name: "_exception",
        source: "\
def {name}(task):
    \"\"\"The error with which a task has ended; None while it has not, and where there is none.\"\"\"
    return None if not task.done() or task.cancelled() else task.exception()
",
    },
    Helper {
        name: "_kill",
        source: "\
async def {name}(task):
    \"\"\"Cancel a task and wait until it has ended.\"\"\"
    if not task.done():
        task.cancel()
        await {@asyncio}.wait([task])
",
    },
    Helper {
        name: "_killall",
        source: "\
async def {name}(tasks):
    \"\"\"Cancel tasks and wait until all of them have ended.\"\"\"
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await {@asyncio}.wait(pending)
",
    },
];
