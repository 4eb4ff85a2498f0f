//! Queues.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_until",
        source: "\
async def {name}(function, end):
    \"\"\"What an async function gives, call by call, until that is the end.\"\"\"
    while (item := await function()) != end:
        yield item
",
    },
    Helper {
        name: "_CountedQueue",
        source: "\
class {name}({@asyncio}.Queue):
    \"\"\"A queue that tells how many of its items are not done yet.\"\"\"

    unfinished_tasks = 0

    def _put(self, item):
        super()._put(item)
        self.unfinished_tasks += 1

    def task_done(self):
        super().task_done()
        self.unfinished_tasks -= 1
",
    },
    Helper {
        name: "_queue_get",
        source: "\
async def {name}(queue, block=True, timeout=None):
    \"\"\"The next item of a queue; `asyncio.QueueEmpty` where none comes in time.\"\"\"
    if not block:
        return queue.get_nowait()
    try:
        async with {@asyncio}.timeout(timeout):
            return await queue.get()
    except TimeoutError:
        raise {@asyncio}.QueueEmpty from None
",
    },
    Helper {
        name: "_peek_nowait",
        source: "\
def {name}(queue):
    \"\"\"The item that a queue would give next, which stays in it.\"\"\"
    if queue.empty():
        raise {@asyncio}.QueueEmpty
    return queue._queue[-1 if isinstance(queue, {@asyncio}.LifoQueue) else 0]
",
    },
    Helper {
        name: "_peek",
        source: "\
async def {name}(queue, timeout=None):
    \"\"\"The item that a queue gives next, once there is one; it stays in it.\"\"\"
    loop = {@asyncio}.get_running_loop()
    end = None if timeout is None else loop.time() + timeout
    while queue.empty():
        getter = loop.create_future()
        queue._getters.append(getter)
        timer = None if end is None else loop.call_at(end, lambda: getter.done() or getter.set_result(True))
        try:
            late = await getter
        finally:
            if timer is not None:
                timer.cancel()
            if getter in queue._getters:
                queue._getters.remove(getter)
            # Who comes next may take what is there.
            if not queue.empty():
                queue._wakeup_next(queue._getters)
        if late:
            raise {@asyncio}.QueueEmpty
    return {#peek_nowait}(queue)
",
    },
    Helper {
        name: "_queue_put",
        source: "\
async def {name}(queue, item, block=True, timeout=None):
    \"\"\"Put an item into a queue; `asyncio.QueueFull` where there is no room in time.\"\"\"
    if not block:
        return queue.put_nowait(item)
    try:
        async with {@asyncio}.timeout(timeout):
            await queue.put(item)
    except TimeoutError:
        raise {@asyncio}.QueueFull from None
",
    },
    Helper {
        name: "_queue_join",
        source: "\
async def {name}(queue, timeout=None):
    \"\"\"Wait until all items of a queue are processed; whether they were in time.\"\"\"
    try:
        async with {@asyncio}.timeout(timeout):
            await queue.join()
    except TimeoutError:
        return False
    return True
",
    },
    Helper {
        name: "_queue_items",
        source: "\
async def {name}(queue):
    \"\"\"The items of a queue, up to the class StopIteration.\"\"\"
    while (item := await queue.get()) is not StopIteration:
        yield item
",
    },
    Helper {
        name: "_filled",
        source: "\
def {name}(queue, items):
    \"\"\"A queue with items in it.\"\"\"
    for item in items:
        queue.put_nowait(item)
    return queue
",
    },
    Helper {
        name: "_Channel",
        source: "\
class {name}:
    \"\"\"A queue without room: who puts an item waits until somebody takes it.\"\"\"

    def __init__(self):
        self._putters = {@collections}.deque()
        self._getters = {@collections}.deque()

    def qsize(self):
        return 0

    def empty(self):
        return True

    def full(self):
        return True

    async def put(self, item):
        await self._wait(self._putters, item)

    async def get(self):
        return await self._wait(self._getters)

    def put_nowait(self, item):
        if not self._waits(self._getters):
            raise {@asyncio}.QueueFull
        self._getters.popleft()[0].set_result(item)

    def get_nowait(self):
        raise {@asyncio}.QueueEmpty

    async def _wait(self, side, item=None):
        loop = {@asyncio}.get_running_loop()
        waiter = loop.create_future()
        side.append((waiter, item))
        loop.call_soon(self._meet)
        return await waiter

    def _waits(self, side):
        while side and side[0][0].done():
            side.popleft()
        return bool(side)

    def _meet(self):
        while self._waits(self._putters) and self._waits(self._getters):
            putter, item = self._putters.popleft()
            self._getters.popleft()[0].set_result(item)
            putter.set_result(None)
",
    },
];

/// The same where there is no `asyncio.timeout`.
pub(super) const OLDER: &[Helper] = &[
    Helper {
        name: "_queue_get",
        source: "\
async def {name}(queue, block=True, timeout=None):
    \"\"\"The next item of a queue; `asyncio.QueueEmpty` where none comes in time.\"\"\"
    if not block or not queue.empty():
        return queue.get_nowait()
    try:
        return await {@asyncio}.wait_for(queue.get(), timeout)
    except {@asyncio}.TimeoutError:
        raise {@asyncio}.QueueEmpty from None
",
    },
    Helper {
        name: "_queue_put",
        source: "\
async def {name}(queue, item, block=True, timeout=None):
    \"\"\"Put an item into a queue; `asyncio.QueueFull` where there is no room in time.\"\"\"
    if not block or not queue.full():
        return queue.put_nowait(item)
    try:
        await {@asyncio}.wait_for(queue.put(item), timeout)
    except {@asyncio}.TimeoutError:
        raise {@asyncio}.QueueFull from None
",
    },
    Helper {
        name: "_queue_join",
        source: "\
async def {name}(queue, timeout=None):
    \"\"\"Wait until all items of a queue are processed; whether they were in time.\"\"\"
    try:
        await {@asyncio}.wait_for(queue.join(), timeout)
    except {@asyncio}.TimeoutError:
        return False
    return True
",
    },
];
