//! Events, and results for many.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_event_wait",
        source: "\
async def {name}(event, timeout=None):
    \"\"\"Wait for an event; whether it was set in time.\"\"\"
    try:
        async with {@asyncio}.timeout(timeout):
            return await event.wait()
    except TimeoutError:
        return False
",
    },
    Helper {
        name: "_OrderedEvent",
        source: "\
class {name}({@asyncio}.Event):
    \"\"\"An event where who comes to wait while others are woken goes on after them.\"\"\"

    def __init__(self):
        super().__init__()
        self._waiting = self._late = 0
        self._told = False

    def set(self):
        self._told = self._told or (self._waiting > 0 and not self.is_set())
        super().set()

    async def wait(self):
        if self._told or (self.is_set() and (self._waiting or self._late)):
            self._late += 1
            try:
                await {@asyncio}.sleep(0)
            finally:
                self._late -= 1
            return True
        self._waiting += 1
        try:
            return await super().wait()
        finally:
            self._waiting -= 1
            self._told = False
",
    },
    Helper {
        name: "_AsyncResult",
        source: "\
class {name}:
    \"\"\"A value or an error for all who wait for it. It may be set again.\"\"\"

    def __init__(self):
        self.value = None
        self.exception = None
        self._successful = False
        self._trace = None
        self._waiters = []

    def ready(self):
        return self._successful or self.exception is not None

    def successful(self):
        return self._successful

    def set(self, value=None):
        self.value = value
        self._successful = True
        self._wake(self._waiters)

    def set_exception(self, exception, exc_info=None):
        self.exception = exception
        # Without the frames of who set it and goes on: `assertRaises` would close them.
        self._trace = exc_info[2] if exc_info else None
        self._wake(self._waiters)

    def __call__(self, task):
        if task.cancelled() or task.exception() is None:
            self.set(None if task.cancelled() else task.result())
        else:
            error = task.exception()
            self.set_exception(error, (type(error), error, error.__traceback__))

    def _wake(self, waiters):
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, timeout=None):
        if not self.ready():
            loop = {@asyncio}.get_running_loop()
            waiter = loop.create_future()
            self._waiters.append(waiter)
            timer = None if timeout is None else loop.call_later(timeout, self._wake, [waiter])
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
                if timer is not None:
                    timer.cancel()
        return self.value

    async def get(self, block=True, timeout=None):
        if block:
            await self.wait(timeout)
        if not self.ready():
            plural = \"\" if timeout == 1 else \"s\"
            told = block and timeout is not None
            raise {@asyncio}.TimeoutError(*[f\"{{timeout}} second{{plural}}\"] if told else [])
        return self.get_nowait()

    def get_nowait(self):
        if self._successful:
            return self.value
        if self.exception is not None:
            raise self.exception.with_traceback(self._trace)
        raise {@asyncio}.TimeoutError
",
    },
    Helper {
        name: "_when_ready",
        source: "\
def {name}(result, callback, running=set()):
    \"\"\"Call back once when there is a result, in a task of its own where the callback waits.\"\"\"
    def call(_):
        outcome = callback(result)
        if {@inspect}.isawaitable(outcome):
            task = {@asyncio}.ensure_future(outcome)
            running.add(task)
            task.add_done_callback(running.discard)
    waiter = {@asyncio}.get_running_loop().create_future()
    waiter.add_done_callback(call)
    result._waiters.append(waiter)
    if result.ready():
        waiter.set_result(None)
",
    },
];

/// The same where there is no `asyncio.timeout`.
pub(super) const OLDER: &[Helper] = &[Helper {
    name: "_event_wait",
    source: "\
async def {name}(event, timeout=None):
    \"\"\"Wait for an event; whether it was set in time.\"\"\"
    if event.is_set():
        return True
    try:
        await {@asyncio}.wait_for(event.wait(), timeout)
    except {@asyncio}.TimeoutError:
        return False
    return True
",
}];
