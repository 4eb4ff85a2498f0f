//! Executors of a patched standard library, whose threads are green threads.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_Executor",
        source: "\
class {name}:
    \"\"\"Runs functions as tasks, so many at a time, in the order in which they come.\"\"\"

    def __init__(self, max_workers=None, thread_name_prefix=\"\", initializer=None, initargs=()):
        self._most = max_workers or min(32, ({@os}.cpu_count() or 1) + 4)
        self._initializer = initializer, initargs
        self._calls = {@asyncio}.Queue()
        self._workers = set()
        self._idle = 0
        self._ends = False

    async def submit(self, function, /, *args, **kwargs):
        if self._ends:
            raise RuntimeError(\"cannot schedule new futures after shutdown\")
        future = {#Future}()
        self._calls.put_nowait((future, function, args, kwargs))
        if self._idle:
            self._idle -= 1
        elif len(self._workers) < self._most:
            self._workers.add({@asyncio}.create_task(self._work()))
            # It runs up to where it first waits.
            await {@asyncio}.sleep(0)
        return future

    async def _work(self):
        initializer, initargs = self._initializer
        if initializer is not None:
            await self._result(initializer, *initargs)
        while (call := await self._calls.get()) is not None:
            future, function, args, kwargs = call
            if future.start():
                await future.end(self._result, function, *args, **kwargs)
            self._idle += 1
        self._calls.put_nowait(None)

    @staticmethod
    async def _result(function, /, *args, **kwargs):
        result = function(*args, **kwargs)
        return await result if {@inspect}.isawaitable(result) else result

    async def map(self, function, *iterables):
        futures = [await self.submit(function, *args) for args in zip(*iterables)]
        return self._results(futures)

    @staticmethod
    async def _results(futures):
        try:
            futures.reverse()
            while futures:
                yield await futures.pop().result()
        finally:
            for future in futures:
                await future.cancel()

    async def shutdown(self, wait=True, *, cancel_futures=False):
        self._ends = True
        while cancel_futures and not self._calls.empty():
            if (call := self._calls.get_nowait()) is not None:
                await call[0].cancel()
        self._calls.put_nowait(None)
        if wait and self._workers:
            await {@asyncio}.wait(self._workers)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        await self.shutdown()
",
    },
    Helper {
        name: "_Future",
        source: "\
class {name}:
    \"\"\"What a call gave or raised, once it is done.\"\"\"

    def __init__(self):
        self._state = \"pending\"
        self._end = {@asyncio}.Event()
        self._callbacks = []
        self._value = self._error = None

    def cancelled(self):
        return self._state == \"cancelled\"

    def running(self):
        return self._state == \"running\"

    def done(self):
        return self._end.is_set()

    def start(self):
        if self._state == \"pending\":
            self._state = \"running\"
        return self._state == \"running\"

    async def end(self, function, /, *args, **kwargs):
        try:
            self._value = await function(*args, **kwargs)
        except {@asyncio}.CancelledError:
            raise
        except BaseException as error:
            self._error = error
        await self._done(\"finished\")

    async def cancel(self):
        if self._state == \"pending\":
            self._error = {@concurrent.futures}.CancelledError()
            await self._done(\"cancelled\")
        return self._state == \"cancelled\"

    async def _done(self, state):
        self._state = state
        self._end.set()
        for callback in self._callbacks:
            await self._call(callback)

    async def _call(self, callback):
        try:
            result = callback(self)
            if {@inspect}.isawaitable(result):
                await result
        except Exception:
            {@logging}.getLogger(\"concurrent.futures\").exception(\"exception calling callback for %r\", self)

    async def add_done_callback(self, callback):
        if self.done():
            await self._call(callback)
        else:
            self._callbacks.append(callback)

    async def _wait(self, timeout):
        try:
            await {@asyncio}.wait_for(self._end.wait(), timeout)
        except {@asyncio}.TimeoutError:
            raise {@concurrent.futures}.TimeoutError from None

    async def result(self, timeout=None):
        await self._wait(timeout)
        if self._error is not None:
            raise self._error
        return self._value

    async def exception(self, timeout=None):
        await self._wait(timeout)
        if self.cancelled():
            raise self._error
        return self._error
",
    },
    Helper {
        name: "_as_completed",
        source: "\
async def {name}(futures):
    \"\"\"The futures, each once it is done.\"\"\"
    done = {@asyncio}.Queue()
    futures = set(futures)
    for future in futures:
        await future.add_done_callback(done.put_nowait)
    for _ in futures:
        yield await done.get()
",
    },
    Helper {
        name: "_wait_for_futures",
        source: "\
async def {name}(futures, timeout=None, return_when=\"ALL_COMPLETED\"):
    \"\"\"The futures that are done and those that are not, once enough of them are.\"\"\"
    enough = {@asyncio}.Event()

    async def look(_=None):
        done = [future for future in futures if future.done()]
        first = return_when == \"FIRST_COMPLETED\" and done
        if return_when == \"FIRST_EXCEPTION\":
            first = any([not future.cancelled() and await future.exception() for future in done])
        if first or len(done) == len(futures):
            enough.set()

    futures = set(futures)
    await look()
    for future in [future for future in futures if not future.done()]:
        await future.add_done_callback(look)
    try:
        await {@asyncio}.wait_for(enough.wait(), timeout)
    except {@asyncio}.TimeoutError:
        pass
    done = {{future for future in futures if future.done()}}
    return {@collections:namedtuple}(\"DoneAndNotDoneFutures\", \"done not_done\")(done, futures - done)
",
    },
];
