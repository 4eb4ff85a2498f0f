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
        name: "_call_either",
        source: "\
async def {name}(function, /, *args, **kwargs):
    \"\"\"Call a function as a task, and wait for what it gives where that is a coroutine.\"\"\"
    result = function(*args, **kwargs)
    return await result if {@inspect}.iscoroutine(result) else result
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
        name: "_later_or_now",
        source: "\
def {name}(seconds, function, /, *args, **kwargs):
    \"\"\"As `{#later}`; where there is nothing to wait for, the function begins as all tasks do.\"\"\"
    return {#later}(seconds, function, *args, **kwargs) if seconds > 0 else function(*args, **kwargs)
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
    \"\"\"Wait until all tasks are done, however they end.\"\"\"
    pending = [task for task in tasks if not task.done()]
    if pending:
        await {@asyncio}.wait(pending, timeout=timeout)
",
    },
    Helper {
        name: "_joined",
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
        name: "_result",
        source: "\
def {name}(task):
    \"\"\"The result of a task that has ended; how it ended, where it was cancelled.\"\"\"
    if not task.done():
        raise {@asyncio}.TimeoutError
    if task.cancelled():
        return type(\"GreenletExit\", ({@asyncio}.CancelledError,), {{}})()
    return task.result()
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
        name: "_wait",
        source: "\
async def {name}(tasks, timeout=None, count=None, raise_error=False):
    \"\"\"Wait until tasks are done, or so many of them; those that are, in the order in which they ended.\"\"\"
    tasks = list(tasks)
    done = {@asyncio}.Queue()
    for task in tasks:
        task.add_done_callback(done.put_nowait)
    loop = {@asyncio}.get_running_loop()
    timer = None if timeout is None else loop.call_later(timeout, done.put_nowait, None)
    ended = []
    try:
        for _ in tasks[:count]:
            task = await done.get()
            if task is None:
                break
            if raise_error and not task.cancelled() and task.exception():
                raise task.exception()
            ended.append(task)
    finally:
        if timer:
            timer.cancel()
        for task in tasks:
            task.remove_done_callback(done.put_nowait)
    return ended
",
    },
    Helper {
        name: "_iwait",
        source: "\
async def {name}(tasks, timeout=None, count=None):
    \"\"\"The tasks, or so many of them, as they end.\"\"\"
    tasks = list(tasks)
    done = {@asyncio}.Queue()
    for task in tasks:
        task.add_done_callback(done.put_nowait)
    loop = {@asyncio}.get_running_loop()
    timer = None if timeout is None else loop.call_later(timeout, done.put_nowait, None)
    try:
        for _ in tasks[:count]:
            task = await done.get()
            if task is None:
                break
            yield task
    finally:
        if timer:
            timer.cancel()
        for task in tasks:
            task.remove_done_callback(done.put_nowait)
",
    },
    Helper {
        name: "_iwait_objects",
        source: "\
async def {name}(objects, timeout=None, count=None):
    \"\"\"The tasks, events and results, or so many of them, as they are ready.\"\"\"
    objects = list(objects)
    ready = {@asyncio}.Queue()
    waits = [{@asyncio}.ensure_future({#until_ready}(item)) for item in objects]
    for wait, item in zip(waits, objects):
        wait.add_done_callback(lambda _, item=item: ready.put_nowait(item))
    loop = {@asyncio}.get_running_loop()
    timer = None if timeout is None else loop.call_later(timeout, ready.put_nowait, ready)
    try:
        for _ in objects[:count]:
            item = await ready.get()
            if item is ready:
                break
            yield item
    finally:
        if timer:
            timer.cancel()
        for wait in waits:
            wait.cancel()
",
    },
    Helper {
        name: "_wait_objects",
        source: "\
async def {name}(objects, timeout=None, count=None):
    \"\"\"Wait until tasks, events and results are ready, or so many of them; those that are, as they were.\"\"\"
    return [item async for item in {#iwait_objects}(objects, timeout, count)]
",
    },
    Helper {
        name: "_until_ready",
        source: "\
async def {name}(item):
    \"\"\"Wait until a task has ended, an event is set, or a result is there.\"\"\"
    if isinstance(item, {@asyncio}.Task):
        await {@asyncio}.wait([item])
    else:
        await item.wait()
",
    },
    Helper {
        name: "_wait_all",
        source: "\
async def {name}(timeout=None):
    \"\"\"Wait until no other task is left; whether that is so.\"\"\"
    loop = {@asyncio}.get_running_loop()
    end = None if timeout is None else loop.time() + timeout
    while tasks := {@asyncio}.all_tasks() - {{{@asyncio}.current_task()}}:
        left = None if end is None else end - loop.time()
        if left is not None and left <= 0:
            return False
        await {@asyncio}.wait(tasks, timeout=left)
    return True
",
    },
    Helper {
        name: "_link",
        source: "\
def {name}(task, callback, value=True, error=True, running=set()):
    \"\"\"Call back when a task has ended, in a task of its own where the callback waits.\"\"\"
    def call(task):
        failed = not task.cancelled() and task.exception() is not None
        result = callback(task) if (error if failed else value) else None
        if {@inspect}.isawaitable(result):
            result = {@asyncio}.ensure_future(result)
            running.add(result)
            result.add_done_callback(running.discard)
    task.add_done_callback(call)
",
    },
    Helper {
        name: "_runs",
        source: "\
def {name}(task):
    \"\"\"Whether a task has been started, and has not ended.\"\"\"
    return (not isinstance(task, {#Greenlet}) or task.started) and not task.done()
",
    },
    Helper {
        name: "_dropping",
        source: "\
async def {name}(main):
    \"\"\"Run the main function of a program that drops what is about to run when it ends.\"\"\"
    try:
        return await main
    finally:
        for task in {@asyncio}.all_tasks() - {{{@asyncio}.current_task()}}:
            task.cancel()
",
    },
    Helper {
        name: "_kill",
        source: "\
async def {name}(task):
    \"\"\"Cancel a task and wait until it has ended.\"\"\"
    if not task.done():
        task.cancel()
        # What ends at once has ended then, before those learn of it who wait for it.
        await {@asyncio}.sleep(0)
    if not task.done():
        await {@asyncio}.wait([task])
",
    },
    Helper {
        name: "_end",
        source: "\
def {name}(task):
    \"\"\"Cancel a task where it waits next: one that is about to run goes on to that, one that has not begun never runs.\"\"\"
    waits_for = task._fut_waiter
    begun = {@inspect}.getcoroutinestate(task.get_coro()) != {@inspect}.CORO_CREATED
    if begun and (waits_for is None or waits_for.done()):
        {@asyncio}.get_running_loop().call_soon(task.cancel)
    else:
        task.cancel()
",
    },
    Helper {
        name: "_killall",
        source: "\
async def {name}(tasks, block=True, timeout=None):
    \"\"\"Cancel tasks and wait until all of them have ended.\"\"\"
    tasks = [task for task in tasks if not task.done()]
    for task in tasks:
        task.cancel()
    # What ends at once has ended then, before those learn of it who wait for it.
    if block and tasks:
        await {@asyncio}.sleep(0)
    tasks = [task for task in tasks if not task.done()]
    if block and tasks:
        _, left = await {@asyncio}.wait(tasks, timeout=timeout)
        if left:
            raise {@asyncio}.TimeoutError(f\"{{timeout}} second\" + \"s\" * (timeout != 1))
",
    },
];

/// `spawn` where the program has context variables, which a green thread does not get from who starts it.
pub(crate) const SPAWN_FRESH: Helper = Helper {
    name: "_spawn",
    source: "\
def {name}(coroutine, tasks=set()):
    \"\"\"Start a task that nobody else holds, with no context variables.\"\"\"
    task = {@asyncio}.create_task(coroutine, context={@contextvars}.Context())
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
",
};

/// `kill` of a green thread that may be about to run.
pub(crate) const KILL_LATER: Helper = Helper {
    name: "_kill",
    source: "\
async def {name}(task, block=True, timeout=None):
    \"\"\"Cancel a task where it waits next, and wait until it has ended.\"\"\"
    if not task.done():
        {#end}(task)
    for _ in range(2):
        # What ends at once has ended then, before those learn of it who wait for it.
        if block and not task.done():
            await {@asyncio}.sleep(0)
    if block and not task.done():
        await {@asyncio}.wait([task], timeout=timeout)
",
};

/// `killall` of green threads that may be about to run.
pub(crate) const KILL_ALL_LATER: Helper = Helper {
    name: "_killall",
    source: "\
async def {name}(tasks, block=True, timeout=None):
    \"\"\"Cancel tasks where they wait next, and wait until all of them have ended.\"\"\"
    tasks = [task for task in tasks if not task.done()]
    for task in tasks:
        {#end}(task)
    for _ in range(2):
        # What ends at once has ended then, before those learn of it who wait for it.
        if block and not all(task.done() for task in tasks):
            await {@asyncio}.sleep(0)
    tasks = [task for task in tasks if not task.done()]
    if block and tasks:
        _, left = await {@asyncio}.wait(tasks, timeout=timeout)
        if left:
            raise {@asyncio}.TimeoutError(f\"{{timeout}} second\" + \"s\" * (timeout != 1))
",
};

/// `kill` where it is said how long it waits.
pub(crate) const KILL: Helper = Helper {
    name: "_kill",
    source: "\
async def {name}(task, block=True, timeout=None):
    \"\"\"Cancel a task and wait until it has ended.\"\"\"
    if not task.done():
        task.cancel()
        # What ends at once has ended then, before those learn of it who wait for it.
        if block:
            await {@asyncio}.sleep(0)
    if block and not task.done():
        await {@asyncio}.wait([task], timeout=timeout)
",
};

/// `get` where tasks are cancelled, or the wait for one has a limit.
pub(crate) const GET: Helper = Helper {
    name: "_get",
    source: "\
async def {name}(task, timeout=None):
    \"\"\"The result of a task, which goes on where the wait for it is cut short; how it ended, where it was cancelled.\"\"\"
    if not task.done():
        await {@asyncio}.wait([task], timeout=timeout)
    if not task.done():
        raise {@asyncio}.TimeoutError(f\"{{timeout}} second\" + \"s\" * (timeout != 1))
    if task.cancelled():
        return type(\"GreenletExit\", ({@asyncio}.CancelledError,), {{}})()
    return task.result()
",
};

/// `value` where tasks are cancelled.
pub(crate) const VALUE: Helper = Helper {
    name: "_value",
    source: "\
def {name}(task):
    \"\"\"The result of a task; None while it has none, and where it failed; how it ended, where it was cancelled.\"\"\"
    if task.cancelled():
        return type(\"GreenletExit\", ({@asyncio}.CancelledError,), {{}})()
    return task.result() if task.done() and not task.exception() else None
",
};

/// A green thread that is made before it is started, and what classes derive from.
pub(crate) const GREENLET: Helper = Helper {
    name: "_Greenlet",
    source: "\
class {name}({@asyncio}.Task):
    \"\"\"A task that runs once it is started.\"\"\"

    __all = set()

    def __init__(self, function=None, /, *args, **kwargs):
        self.__call = function, args, kwargs
        self.__start = {@asyncio}.Event()
        self.__timer = None
        super().__init__(self.__main())

    async def __main(self):
        await self.__start.wait()
        result = self._run()
        return await result if {@inspect}.isawaitable(result) else result

    def _run(self):
        function, args, kwargs = self.__call
        return function(*args, **kwargs)

    @classmethod
    def spawn(cls, *args, **kwargs):
        task = cls(*args, **kwargs)
        task.start()
        return task

    @classmethod
    def spawn_later(cls, seconds, *args, **kwargs):
        task = cls(*args, **kwargs)
        task.start_later(seconds)
        return task

    def start(self):
        self.__all.add(self)
        self.add_done_callback(self.__all.discard)
        self.__start.set()

    def start_later(self, seconds):
        self.__timer = {@asyncio}.get_running_loop().call_later(seconds, self.start)

    @property
    def started(self):
        return (self.__start.is_set() or self.__timer is not None) and not self.done()
",
};
