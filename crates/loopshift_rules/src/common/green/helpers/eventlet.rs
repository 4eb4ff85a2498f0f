//! Events and green threads of eventlet's.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_Event",
        source: "\
class {name}:
    \"\"\"One value or one error for all who wait, now or later.\"\"\"

    def __init__(self):
        self._sent = None
        self._waiters = []

    def ready(self):
        return self._sent is not None

    def has_result(self):
        return self.ready() and self._sent[1] is None

    def has_exception(self):
        return self.ready() and self._sent[1] is not None

    def send(self, result=None, exc=None):
        assert not self.ready(), \"Trying to re-send() an already-triggered event.\"
        trace = None
        if isinstance(exc, tuple):
            kind, value, trace = (*exc, None, None)[:3]
            exc = kind if value is None else value if isinstance(value, BaseException) else kind(value)
        self._sent = (result, exc, trace)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(self._sent)
        self._waiters.clear()

    def send_exception(self, *args):
        self.send(None, args)

    def reset(self):
        assert self.ready(), \"Trying to re-reset() a fresh event.\"
        self._sent = None

    async def wait(self, timeout=None):
        if self.ready():
            return self.poll()
        waiter = {@asyncio}.get_running_loop().create_future()
        self._waiters.append(waiter)
        if timeout is None:
            await waiter
        elif not (await {@asyncio}.wait([waiter], timeout=timeout))[0]:
            waiter.cancel()
            return None
        return self._outcome(*waiter.result())

    def poll(self, notready=None):
        return self._outcome(*self._sent) if self.ready() else notready

    def poll_result(self, notready=None):
        return self.poll() if self.has_result() else notready

    def poll_exception(self, notready=None):
        return self.poll() if self.has_exception() else notready

    def _outcome(self, result, exc, trace):
        if isinstance(exc, BaseException):
            # Without the frames of who sent it and goes on: `assertRaises` would close them.
            raise exc.with_traceback(trace)
        if exc is not None:
            raise exc
        return result
",
    },
    Helper {
        name: "_GreenThread",
        source: "\
class {name}({@asyncio}.Task):
    \"\"\"A task that may begin later, and calls functions at its end, before those who wait for it go on.\"\"\"

    alive = set()

    def __init__(self, coroutine, seconds=None, asker=None):
        self._begin = None
        self._begun = False
        self._outcome = None
        self._links = []
        self._asker = asker
        self._coroutine = coroutine
        if seconds is not None and seconds > 0:
            loop = {@asyncio}.get_running_loop()
            begin = self._begin = loop.create_future()
            loop.call_later(seconds, lambda: begin.done() or begin.set_result(None))
        super().__init__(self._run())
        self.alive.add(self)
        self.add_done_callback(self._end)

    async def wait(self):
        if self._outcome is None:
            return await {@asyncio}.shield(self)
        result, error = self._outcome
        if error is not None:
            raise error
        return result

    async def take_back(self):
        \"\"\"Cancel it unless it has begun.\"\"\"
        if not (self._begun or self.done()):
            self.cancel()
            await {@asyncio}.wait([self])

    async def link(self, function, *args, **kwargs):
        self._links.append((function, args, kwargs))
        if self._outcome is not None:
            await self._call_links()

    def unlink(self, function, *args, **kwargs):
        try:
            self._links.remove((function, args, kwargs))
        except ValueError:
            return False
        return True

    def _end(self, task):
        self.alive.discard(self)
        self._coroutine.close()

    async def _run(self):
        try:
            if self._begin is not None:
                await self._begin
            if self._asker is not None and self._asker.done():
                return None
            self._begun = True
            self._outcome = (await self._coroutine, None)
        except BaseException as error:
            self._outcome = (None, error)
            raise
        finally:
            await self._call_links()
        return self._outcome[0]

    async def _call_links(self):
        while self._links:
            function, args, kwargs = self._links.pop(0)
            called = function(self, *args, **kwargs)
            if {@inspect}.isawaitable(called):
                await called
",
    },
    Helper {
        name: "_Threaded",
        source: "\
class {name}:
    \"\"\"An object whose methods run in threads.\"\"\"

    def __init__(self, obj):
        self._obj = obj

    def __getattr__(self, name):
        value = getattr(self._obj, name)
        if not callable(value):
            return value
        return {@functools}.partial({@asyncio}.to_thread, value)
",
    },
    Helper {
        name: "_ItemPool",
        source: "\
class {name}:
    \"\"\"Lends so many items, made when they are needed; who asks for one waits while all are lent.\"\"\"

    def __init__(self, min_size=0, max_size=4, order_as_stack=False, create=None):
        self.min_size = min_size
        self.max_size = max_size
        self.order_as_stack = order_as_stack
        self.current_size = 0
        self.free_items = {@collections}.deque()
        if create is not None:
            self.create = create
        self._waiters = {@collections}.deque()
        for _ in range(min_size):
            self.current_size += 1
            self.free_items.append(self.create())

    async def get(self):
        if self.free_items:
            return self.free_items.popleft()
        self.current_size += 1
        if self.current_size <= self.max_size:
            try:
                return self.create()
            except BaseException:
                self.current_size -= 1
                raise
        self.current_size -= 1
        waiter = {@asyncio}.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except {@asyncio}.CancelledError:
            if waiter.cancelled():
                self._waiters.remove(waiter)
            else:
                self.put(waiter.result())
            raise

    def put(self, item):
        if self.current_size > self.max_size:
            self.current_size -= 1
            return
        if self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(item)
        elif self.order_as_stack:
            self.free_items.appendleft(item)
        else:
            self.free_items.append(item)

    @{@contextlib}.asynccontextmanager
    async def item(self):
        item = await self.get()
        try:
            yield item
        finally:
            self.put(item)

    def resize(self, new_size):
        self.max_size = new_size

    def free(self):
        return len(self.free_items) + self.max_size - self.current_size

    def waiting(self):
        return max(0, len(self._waiters) - len(self.free_items))
",
    },
    Helper {
        name: "_ConnectionPool",
        source: "\
class {name}:
    \"\"\"Lends connections, rolled back when they come back, and closed when they are old or were idle for long.\"\"\"

    def __init__(
        self, db_module, min_size=0, max_size=4, max_idle=10, max_age=30, connect_timeout=5,
        cleanup=lambda connection: connection.rollback(), *args, **kwargs
    ):
        self.max_idle = max_idle
        self.max_age = max_age
        self.cleanup = cleanup
        self._connect = {@functools}.partial(db_module.connect, *args, **kwargs)
        self._made = {{}}
        self._items = {#ItemPool}(min_size, max_size, True, self._create)

    def __getattr__(self, name):
        return getattr(self._items, name)

    def _create(self):
        now = {@time}.time()
        return now, now, self._connect()

    async def get(self):
        item = await self._items.get()
        if item is None or self._is_expired(*item):
            try:
                item = self._create()
            except BaseException:
                self._items.current_size -= 1
                raise
        _, made, connection = item
        self._made[id(connection)] = made
        return connection

    def put(self, connection, cleanup=...):
        made = self._made.pop(id(connection), 0)
        cleanup = self.cleanup if cleanup is ... else cleanup
        item = {@time}.time(), made, connection
        if self._is_expired(*item):
            item = None
        elif cleanup is not None:
            try:
                cleanup(connection)
            except Exception as error:
                print(f\"WARNING: cleanup {{cleanup}} raised: {{error}}\")
                item = None
        if item is not None or self._items.waiting() > 0:
            self._items.put(item)
        else:
            self._items.current_size -= 1

    @{@contextlib}.asynccontextmanager
    async def item(self, cleanup=...):
        connection = await self.get()
        try:
            yield connection
        finally:
            self.put(connection, cleanup)

    def clear(self):
        while self._items.free_items:
            self._close(self._items.free_items.popleft()[2])
            self._items.current_size -= 1

    def _is_expired(self, used, made, connection):
        now = {@time}.time()
        is_new = 0 < self.max_idle >= now - used and 0 < self.max_age >= now - made
        if not is_new:
            self._close(connection)
        return not is_new

    def _close(self, connection):
        try:
            connection.close()
        except Exception as error:
            print(f\"Connection.close raised: {{error}}\")
",
    },
];
