//! Pools and groups of gevent's: sets of tasks.
//!
//! What is handed to one may be a function that waits or one that does not: a pool looks at what the call gives.

use super::assembled::{Part, Parts};

/// What `imap` gives. How a pool is asked to spawn differs.
macro_rules! results {
    ($spawn:literal) => {
        concat!(
            "    \
    class _Results:
        \"\"\"Results of tasks, in the order of the items or as they come.\"\"\"

        def __init__(self, pool, function, items, ordered, maxsize):
            self._tasks = {@asyncio}.Queue()
            self._ahead = {@asyncio}.Semaphore(maxsize) if maxsize else None
            self._outcome = pool._result
            self._starter = {@asyncio}.create_task(self._start(pool, function, items, ordered))

        async def _start(self, pool, function, items, ordered):
            tasks = []
            try:
                for args in items:
                    if self._ahead:
                        await self._ahead.acquire()
                    task = ",
            $spawn,
            "
                    if ordered:
                        self._tasks.put_nowait(task)
                    else:
                        tasks.append(task)
                        task.add_done_callback(self._tasks.put_nowait)
                if tasks:
                    await {@asyncio}.wait(tasks)
            finally:
                self._tasks.put_nowait(None)

        def __aiter__(self):
            return self

        async def __anext__(self):
            if self._ahead:
                self._ahead.release()
            task = await self._tasks.get()
            if task is None:
                self._tasks.put_nowait(None)
                await self._starter
                raise StopAsyncIteration
            return await self._outcome(task)
"
        )
    };
}

/// A group: as many tasks as one likes.
pub(crate) const GROUP: Parts = Parts {
    name: "_Group",
    head: "\
class {name}:
    \"\"\"Tasks that are waited for, or cancelled, together.\"\"\"

    def __init__(self, *tasks):
        self.tasks = set()
        self._empty = {@asyncio}.Event()
        self._empty.set()
        for task in tasks:
            self._add(task)
",
    methods: &[
        BASE,
        Part {
            name: "",
            needs: &[],
            source: "    \
    def _leave(self, task):
        self.tasks.discard(task)
        if not self.tasks:
            self._empty.set()
",
        },
        Part {
            name: "add",
            needs: &[],
            source: "    \
    def add(self, task):
        self._add(task)
",
        },
        DISCARD,
        RUN,
        START,
        Part {
            name: "spawn",
            needs: &["_start"],
            source: "    \
    def spawn(self, function, /, *args, **kwargs):
        return self._start(function, args, kwargs)
",
        },
        Part {
            name: "start",
            needs: &[],
            source: "    \
    def start(self, task):
        self._add(task)
        task.start()
",
        },
        RESULT,
        Part {
            name: "apply",
            needs: &["spawn", "_run", "_result"],
            source: "    \
    async def apply(self, function, args=None, kwds=None):
        if {@asyncio}.current_task() in self.tasks:
            return await self._run(function, args or (), kwds or {{}})
        return await self._result(self.spawn(function, *args or (), **kwds or {{}}))
",
        },
        APPLY_CB,
        Part {
            name: "apply_async",
            needs: &["_start", "_pass_on"],
            source: "    \
    def apply_async(self, function, args=None, kwds=None, callback=None):
        task = self._start(function, args or (), kwds or {{}})
        if callback is not None:
            task.add_done_callback({@functools}.partial(self._pass_on, callback))
        return task
",
        },
        PASS_ON,
        MAP,
        MAP_CB,
        MAP_ASYNC,
        IMAP,
        IMAP_UNORDERED,
        JOIN,
        KILL,
        KILLONE,
        Part {
            name: "full",
            needs: &[],
            source: "    \
    def full(self):
        return False
",
        },
        Part {
            name: "wait_available",
            needs: &[],
            source: "    \
    async def wait_available(self):
        pass
",
        },
        Part {
            name: "_results",
            needs: &["spawn", "_result"],
            source: results!("pool.spawn(function, *args)"),
        },
    ],
};

/// A pool: so many tasks at a time.
pub(crate) const POOL: Parts = Parts {
    name: "_Pool",
    head: "\
class {name}:
    \"\"\"Tasks, so many at a time: who starts one more waits until there is room.\"\"\"

    def __init__(self, size=None):
        self.size = size
        self.tasks = set()
        self._room = {@asyncio}.Event()
        self._empty = {@asyncio}.Event()
        self._empty.set()
",
    methods: &[
        BASE,
        LIMITED,
        Part {
            name: "free_count",
            needs: &[],
            source: "    \
    def free_count(self):
        return 1 if self.size is None else max(0, self.size - len(self.tasks))
",
        },
        Part {
            name: "add",
            needs: &[],
            source: "    \
    async def add(self, task, blocking=True):
        if not blocking and self.full():
            raise {@queue}.Full
        await self.wait_available()
        self._add(task)
",
        },
        DISCARD,
        RUN,
        START,
        SPAWN,
        Part {
            name: "start",
            needs: &["add"],
            source: "    \
    async def start(self, task, blocking=True):
        await self.add(task, blocking)
        task.start()
",
        },
        RESULT,
        Part {
            name: "apply",
            needs: &["spawn", "_run", "_result"],
            source: "    \
    async def apply(self, function, args=None, kwds=None):
        if {@asyncio}.current_task() in self.tasks:
            return await self._run(function, args or (), kwds or {{}})
        return await self._result(await self.spawn(function, *args or (), **kwds or {{}}))
",
        },
        APPLY_CB,
        APPLY_ASYNC,
        PASS_ON,
        MAP,
        MAP_CB,
        MAP_ASYNC,
        IMAP,
        IMAP_UNORDERED,
        JOIN,
        KILL,
        KILLONE,
        RESULTS,
    ],
};

/// A pool of threads, for functions that wait for nothing that tasks do.
pub(crate) const THREADS: Parts = Parts {
    name: "_ThreadPool",
    head: "\
class {name}:
    \"\"\"Functions that run in so many threads.\"\"\"

    def __init__(self, size):
        self.size = size
        self.tasks = set()
        self._threads = {@concurrent.futures:ThreadPoolExecutor}(size)
        self._room = {@asyncio}.Event()
        self._empty = {@asyncio}.Event()
        self._empty.set()
",
    methods: &[
        BASE,
        Part {
            name: "shared",
            needs: &[],
            source: "    \
    @classmethod
    def shared(cls):
        if not hasattr(cls, \"_shared\"):
            cls._shared = cls(10)
        return cls._shared
",
        },
        LIMITED,
        Part {
            name: "_start",
            needs: &[],
            source: "    \
    def _start(self, function, args, kwargs):
        call = {@functools}.partial(function, *args, **kwargs)
        task = {@asyncio}.get_running_loop().run_in_executor(self._threads, call)
        self._add(task)
        return task
",
        },
        SPAWN,
        RUN,
        RESULT,
        Part {
            name: "apply",
            needs: &["spawn", "_result"],
            source: "    \
    async def apply(self, function, args=None, kwds=None):
        return await self._result(await self.spawn(function, *args or (), **kwds or {{}}))
",
        },
        APPLY_CB,
        APPLY_ASYNC,
        PASS_ON,
        MAP,
        MAP_CB,
        MAP_ASYNC,
        IMAP,
        IMAP_UNORDERED,
        JOIN,
        Part {
            name: "kill",
            needs: &[],
            source: "    \
    async def kill(self):
        self._threads.shutdown(wait=False)
",
        },
        RESULTS,
    ],
};

/// What has room for so many.
const LIMITED: Part = Part {
    name: "",
    needs: &[],
    source: "    \
    def _leave(self, task):
        self.tasks.discard(task)
        self._room.set()
        if not self.tasks:
            self._empty.set()

    def full(self):
        return self.size is not None and len(self.tasks) >= self.size

    async def wait_available(self):
        while self.full():
            self._room.clear()
            await self._room.wait()
",
};

const SPAWN: Part = Part {
    name: "spawn",
    needs: &["_start"],
    source: "    \
    async def spawn(self, function, /, *args, **kwargs):
        await self.wait_available()
        return self._start(function, args, kwargs)
",
};

const APPLY_ASYNC: Part = Part {
    name: "apply_async",
    needs: &["_start", "_pass_on", "apply_cb"],
    source: "    \
    def apply_async(self, function, args=None, kwds=None, callback=None):
        if self.full():
            return {@asyncio}.create_task(self.apply_cb(function, args, kwds, callback))
        task = self._start(function, args or (), kwds or {{}})
        if callback is not None:
            task.add_done_callback({@functools}.partial(self._pass_on, callback))
        return task
",
};

const RESULTS: Part = Part {
    name: "_results",
    needs: &["spawn", "_result"],
    source: results!("await pool.spawn(function, *args)"),
};

const BASE: Part = Part {
    name: "",
    needs: &[],
    source: "    \
    def __len__(self):
        return len(self.tasks)

    def __iter__(self):
        return iter(self.tasks)

    def _add(self, task):
        self.tasks.add(task)
        self._empty.clear()
        task.add_done_callback(self._leave)
",
};

const DISCARD: Part = Part {
    name: "discard",
    needs: &[],
    source: "    \
    def discard(self, task):
        self._leave(task)
",
};

const RUN: Part = Part {
    name: "_run",
    needs: &[],
    source: "    \
    async def _run(self, function, args, kwargs):
        result = function(*args, **kwargs)
        return await result if {@inspect}.isawaitable(result) else result
",
};

const START: Part = Part {
    name: "_start",
    needs: &["_run"],
    source: "    \
    def _start(self, function, args, kwargs):
        task = {@asyncio}.create_task(self._run(function, args, kwargs))
        self._add(task)
        return task
",
};

const RESULT: Part = Part {
    name: "_result",
    needs: &[],
    source: "    \
    async def _result(self, task):
        if not task.done():
            await {@asyncio}.wait([task])
        # Being cancelled is what came of it, not what happens to who asks.
        return {@asyncio}.CancelledError() if task.cancelled() else task.result()
",
};

const APPLY_CB: Part = Part {
    name: "apply_cb",
    needs: &["apply", "_run"],
    source: "    \
    async def apply_cb(self, function, args=None, kwds=None, callback=None):
        result = await self.apply(function, args, kwds)
        if callback is not None:
            self._callback = {@asyncio}.create_task(self._run(callback, (result,), {{}}))
        return result
",
};

const PASS_ON: Part = Part {
    name: "_pass_on",
    needs: &[],
    source: "    \
    def _pass_on(self, callback, task):
        if not task.cancelled() and task.exception() is None:
            result = callback(task.result())
            if {@inspect}.isawaitable(result):
                self._callback = {@asyncio}.ensure_future(result)
",
};

const MAP: Part = Part {
    name: "map",
    needs: &["imap"],
    source: "    \
    async def map(self, function, iterable):
        return [result async for result in self.imap(function, iterable)]
",
};

const MAP_CB: Part = Part {
    name: "map_cb",
    needs: &["map", "_run"],
    source: "    \
    async def map_cb(self, function, iterable, callback=None):
        result = await self.map(function, iterable)
        if callback is not None:
            await self._run(callback, (result,), {{}})
        return result
",
};

const MAP_ASYNC: Part = Part {
    name: "map_async",
    needs: &["map_cb"],
    source: "    \
    def map_async(self, function, iterable, callback=None):
        return {@asyncio}.create_task(self.map_cb(function, iterable, callback))
",
};

const IMAP: Part = Part {
    name: "imap",
    needs: &["_results"],
    source: "    \
    def imap(self, function, *iterables, maxsize=None):
        return self._Results(self, function, zip(*iterables), True, maxsize)
",
};

const IMAP_UNORDERED: Part = Part {
    name: "imap_unordered",
    needs: &["_results"],
    source: "    \
    def imap_unordered(self, function, *iterables, maxsize=None):
        return self._Results(self, function, zip(*iterables), False, maxsize)
",
};

const JOIN: Part = Part {
    name: "join",
    needs: &[],
    source: "    \
    async def join(self, timeout=None, raise_error=False):
        tasks = list(self.tasks)
        if tasks:
            try:
                await {@asyncio}.wait_for(self._empty.wait(), timeout)
            except {@asyncio}.TimeoutError:
                return False
        if raise_error:
            for task in tasks:
                if not task.cancelled() and task.exception() is not None:
                    raise task.exception()
        return True
",
};

const KILL: Part = Part {
    name: "kill",
    needs: &["join"],
    source: "    \
    async def kill(self, block=True, timeout=None):
        for task in self.tasks:
            {#end}(task)
        if block:
            await self.join(timeout)
",
};

const KILLONE: Part = Part {
    name: "killone",
    needs: &[],
    source: "    \
    async def killone(self, task, block=True, timeout=None):
        if task in self.tasks:
            {#end}(task)
            if block:
                await {@asyncio}.wait([task], timeout=timeout)
",
};
