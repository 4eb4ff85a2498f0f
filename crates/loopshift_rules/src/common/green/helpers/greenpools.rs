//! Pools of eventlet's: what is spawned waits for a place.

use loopshift_python::edit::Helper;

/// The class of a pool, by the parameters it is made with, what it keeps of them, and what starts a task.
macro_rules! pool {
    ($parameters:literal, $keeps:literal, $start:literal) => {
        concat!(
            "\
class {name}:
    \"\"\"Runs so many tasks at a time: who spawns one waits for a place. One that fails does so alone.\"\"\"

    def __init__(self, ",
            $parameters,
            "):
        self.size = size",
            $keeps,
            "
        self._free = size
        self._spawners = {@collections}.deque()
        self._waiters = []
        self.tasks = set()

    def free(self):
        return self._free

    def running(self):
        return len(self.tasks)

    def waiting(self):
        return len(self._spawners)

    def resize(self, size):
        self._free += size - self.size
        self.size = size

    async def spawn(self, coroutine):
        if self._free <= 0 and {@asyncio}.current_task() in self.tasks:
            # Nobody else may make room: it runs here.
            return ",
            $start,
            "(self._given(await coroutine))
        await self._place()
        task = ",
            $start,
            "(self._run(coroutine))
        self.tasks.add(task)
        task.add_done_callback(self._leave)
        return task

    async def spawn_n(self, coroutine):
        await self.spawn(self._quietly(coroutine))

    async def waitall(self):
        assert {@asyncio}.current_task() not in self.tasks, \"a task of a pool can't wait for all of the pool\"
        if self.tasks:
            waiter = {@asyncio}.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    async def _place(self):
        if self._free > 0 and not self._spawners:
            self._free -= 1
            return
        spawner = {@asyncio}.get_running_loop().create_future()
        self._spawners.append(spawner)
        try:
            await spawner
        except {@asyncio}.CancelledError:
            if spawner.cancelled():
                self._spawners.remove(spawner)
            else:
                self._release()
            raise

    async def _run(self, coroutine):
        try:
            return await coroutine
        finally:
            self._leave({@asyncio}.current_task())

    async def _given(self, value):
        return value

    async def _quietly(self, coroutine):
        try:
            await coroutine
        except Exception:
            pass

    def _leave(self, task):
        if task in self.tasks:
            self.tasks.remove(task)
            self._release()

    def _release(self):
        self._free += 1
        if self._spawners and self._free > 0:
            spawner = self._spawners.popleft()
            if not spawner.done():
                self._free -= 1
                spawner.set_result(None)
        elif self._free == self.size:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()
",
        )
    };
}

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_enumerate_waiting",
        source: "\
async def {name}(items, start=0):
    \"\"\"enumerate() over items that are waited for.\"\"\"
    async for item in items:
        yield start, item
        start += 1
",
    },
    Helper {
        name: "_zip_waiting",
        source: "\
async def {name}(*iterables):
    \"\"\"zip() over iterables of which some wait for their items.\"\"\"
    iterators = [it.__aiter__() if hasattr(it, \"__aiter__\") else iter(it) for it in iterables]
    while True:
        row = []
        for iterator in iterators:
            try:
                waits = hasattr(iterator, \"__anext__\")
                row.append(await iterator.__anext__() if waits else next(iterator))
            except (StopIteration, StopAsyncIteration):
                return
        yield tuple(row)
",
    },
    Helper {
        name: "_GreenPool",
        source: pool!("size=1000", "", "{@asyncio}.create_task"),
    },
    Helper {
        name: "_LinkedPool",
        source: pool!("size, start", "\n        self._start = start", "self._start"),
    },
    Helper {
        name: "_GreenMap",
        source: "\
class {name}:
    \"\"\"The results of a function, in order. So many tasks run ahead of who asks for them; one that fails raises there.\"\"\"

    def __init__(self, size, function, arguments):
        self._places = {@asyncio}.Semaphore(size)
        self._results = {@asyncio}.Queue(size)
        self._tasks = set()
        self._starter = {@asyncio}.create_task(self._start(function, arguments))

    def __aiter__(self):
        return self

    async def __anext__(self):
        result = await self._results.get()
        if result is None:
            raise StopAsyncIteration
        return await result

    async def _start(self, function, arguments):
        for args in arguments:
            await self._places.acquire()
            result = {@asyncio}.get_running_loop().create_future()
            self._tasks.add({@asyncio}.create_task(self._run(function(*args), result)))
            await self._results.put(result)
        await self._places.acquire()
        await self._results.put(None)

    async def _run(self, coroutine, result):
        try:
            value = await coroutine
        except BaseException as error:
            if not result.done():
                result.set_exception(error)
        else:
            if not result.done():
                result.set_result(value)
        finally:
            self._tasks.discard({@asyncio}.current_task())
            self._places.release()
",
    },
    Helper {
        name: "_GreenPile",
        source: "\
class {name}:
    \"\"\"The results of the tasks of a pool, in the order in which they were started.\"\"\"

    def __init__(self, pool):
        self.pool = pool
        self._count = 0
        self._results = {@asyncio}.Queue()

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._count:
            raise StopAsyncIteration
        try:
            return await (await self._results.get())
        finally:
            self._count -= 1

    async def spawn(self, coroutine):
        result = {@asyncio}.get_running_loop().create_future()
        self._count += 1
        try:
            await self.pool.spawn(self._run(coroutine, result))
        except BaseException:
            self._count -= 1
            raise
        self._results.put_nowait(result)

    async def _run(self, coroutine, result):
        try:
            value = await coroutine
        except BaseException as error:
            if not result.done():
                result.set_exception(error)
            raise
        if not result.done():
            result.set_result(value)
        return value
",
    },
];
