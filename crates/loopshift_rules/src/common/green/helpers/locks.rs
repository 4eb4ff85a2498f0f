//! Locks and semaphores.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_acquire",
        source: "\
async def {name}(lock, blocking=True, timeout=None):
    \"\"\"Take a lock; whether it was free, or became so in time.\"\"\"
    if not blocking and lock.locked():
        return False
    try:
        async with {@asyncio}.timeout(timeout):
            return await lock.acquire()
    except TimeoutError:
        return False
",
    },
    Helper {
        name: "_Semaphore",
        source: "\
class {name}:
    \"\"\"A semaphore whose free places are for whoever asks next, before those who wait to be woken.\"\"\"

    def __init__(self, value=1, bounded=False):
        if value < 0:
            raise ValueError(\"semaphore initial value must be >= 0\")
        self.counter = value
        self._limit = value if bounded else None
        self._waiters = {@collections}.deque()

    def locked(self):
        return self.counter <= 0

    def ready(self):
        return self.counter > 0

    async def acquire(self, blocking=True, timeout=None):
        if self.counter <= 0 and not (blocking and await self._free(timeout)):
            return False
        self.counter -= 1
        return True

    def release(self):
        if self.counter == self._limit:
            raise ValueError(\"Semaphore released too many times\")
        self.counter += 1
        self._wake()
        return self.counter

    def _wake(self):
        waiter = next((waiter for waiter in self._waiters if not waiter.done()), None)
        if waiter is not None and self.counter > 0:
            waiter.set_result(True)

    async def _free(self, timeout):
        loop = {@asyncio}.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        queue = self._waiters.append
        while self.counter <= 0:
            waiter = loop.create_future()
            queue(waiter)
            timer = None if end is None else loop.call_at(end, lambda: waiter.done() or waiter.set_result(False))
            try:
                woken = await waiter
            except BaseException:
                self._waiters.remove(waiter)
                self._wake()
                raise
            finally:
                if timer is not None:
                    timer.cancel()
            self._waiters.remove(waiter)
            if not woken:
                return False
            queue = self._waiters.appendleft
        return True

    async def __aenter__(self):
        await self.acquire()

    async def __aexit__(self, *error):
        self.release()
",
    },
    Helper {
        name: "_CountedSemaphore",
        source: "\
class {name}({@asyncio}.Semaphore):
    \"\"\"A semaphore that tells how much of it is left, which is less than nothing by those who wait.\"\"\"

    @property
    def counter(self):
        # Who has been given a place and does not know yet has not taken it.
        given = (waiter.done() and not waiter.cancelled() for waiter in self._waiters or ())
        return self._value + sum(given)

    @property
    def balance(self):
        return self.counter - len(self._waiters or ())
",
    },
    Helper {
        name: "_LimitedSemaphore",
        source: "\
class {name}({#CountedSemaphore}):
    \"\"\"A semaphore that tells how much of it is left, and is not released more often than it was taken.\"\"\"

    def __init__(self, value=1):
        super().__init__(value)
        self._limit = value

    def release(self):
        if self.counter >= self._limit:
            raise ValueError(\"Semaphore released too many times\")
        super().release()
",
    },
    Helper {
        name: "_TaskLock",
        source: "\
class {name}({#Semaphore}):
    \"\"\"A lock that is for whoever asks next once it is free, before those who wait to be woken.\"\"\"

    def __init__(self):
        super().__init__()

    def release(self):
        if self.counter > 0:
            raise RuntimeError(\"Semaphore released too many times\")
        return super().release()
",
    },
    Helper {
        name: "_RLock",
        source: "\
class {name}:
    \"\"\"A lock that the task that holds it may take again. Once free it is for whoever asks next, before those who wait.\"\"\"

    def __init__(self):
        self._owner = None
        self._count = 0
        self._waiters = {@collections}.deque()

    def locked(self):
        return self._count > 0

    async def acquire(self, blocking=True, timeout=None):
        task = {@asyncio}.current_task()
        if self._owner not in (None, task) and not (blocking and await self._free(timeout)):
            return False
        self._owner = task
        self._count += 1
        return True

    def release(self):
        if self._owner is not {@asyncio}.current_task():
            raise RuntimeError(\"cannot release un-acquired lock\")
        self._count -= 1
        if self._count == 0:
            self._owner = None
            self._wake()

    def _wake(self):
        waiter = next((waiter for waiter in self._waiters if not waiter.done()), None)
        if waiter is not None and self._owner is None:
            waiter.set_result(True)

    async def _free(self, timeout):
        loop = {@asyncio}.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        queue = self._waiters.append
        while self._owner is not None:
            waiter = loop.create_future()
            queue(waiter)
            timer = None if end is None else loop.call_at(end, lambda: waiter.done() or waiter.set_result(False))
            try:
                woken = await waiter
            except BaseException:
                self._waiters.remove(waiter)
                self._wake()
                raise
            finally:
                if timer is not None:
                    timer.cancel()
            self._waiters.remove(waiter)
            if not woken:
                return False
            queue = self._waiters.appendleft
        return True

    async def __aenter__(self):
        return await self.acquire()

    async def __aexit__(self, *error):
        self.release()
",
    },
    Helper {
        name: "_DummySemaphore",
        source: "\
class {name}:
    \"\"\"A semaphore without limit.\"\"\"

    def __init__(self, value=None):
        pass

    def locked(self):
        return False

    def ready(self):
        return True

    def release(self):
        pass

    async def acquire(self, blocking=True, timeout=None):
        return True

    async def __aenter__(self):
        pass

    async def __aexit__(self, *error):
        pass
",
    },
    Helper {
        name: "_CappedSemaphore",
        source: "\
class {name}:
    \"\"\"A semaphore whose release waits, too, while it is at its limit.\"\"\"

    def __init__(self, count, limit):
        if count < 0 or count > limit:
            raise ValueError(\"the count is not between 0 and the limit\")
        self._lower = {@asyncio}.Semaphore(count)
        self._upper = {@asyncio}.Semaphore(limit - count)

    def locked(self):
        return self._lower.locked()

    def bounded(self):
        return self._upper.locked()

    async def acquire(self, blocking=True):
        if not blocking and self.locked():
            return False
        self._upper.release()
        return await self._lower.acquire()

    async def release(self, blocking=True):
        if not blocking and self.bounded():
            return False
        self._lower.release()
        return await self._upper.acquire()

    async def __aenter__(self):
        await self.acquire()

    async def __aexit__(self, *error):
        await self.release()
",
    },
    Helper {
        name: "_condition_wait",
        source: "\
async def {name}(condition, timeout):
    \"\"\"Wait for a condition; whether somebody gave notice in time.\"\"\"
    try:
        async with {@asyncio}.timeout(timeout):
            return await condition.wait()
    except TimeoutError:
        return False
",
    },
    Helper {
        name: "_condition_wait_for",
        source: "\
async def {name}(condition, predicate, timeout):
    \"\"\"Wait until a predicate holds; its value when the time is over.\"\"\"
    try:
        async with {@asyncio}.timeout(timeout):
            return await condition.wait_for(predicate)
    except TimeoutError:
        return predicate()
",
    },
];

/// The same where there is no `asyncio.timeout`.
pub(super) const OLDER: &[Helper] = &[
    Helper {
        name: "_acquire",
        source: "\
async def {name}(lock, blocking=True, timeout=None):
    \"\"\"Take a lock; whether it was free, or became so in time.\"\"\"
    if not lock.locked():
        return await lock.acquire()
    try:
        return blocking and await {@asyncio}.wait_for(lock.acquire(), timeout)
    except {@asyncio}.TimeoutError:
        return False
",
    },
    Helper {
        name: "_condition_wait",
        source: "\
async def {name}(condition, timeout):
    \"\"\"Wait for a condition; whether somebody gave notice in time.\"\"\"
    try:
        return await {@asyncio}.wait_for(condition.wait(), timeout)
    except {@asyncio}.TimeoutError:
        return False
",
    },
    Helper {
        name: "_condition_wait_for",
        source: "\
async def {name}(condition, predicate, timeout):
    \"\"\"Wait until a predicate holds; its value when the time is over.\"\"\"
    try:
        return await {@asyncio}.wait_for(condition.wait_for(predicate), timeout)
    except {@asyncio}.TimeoutError:
        return predicate()
",
    },
];
