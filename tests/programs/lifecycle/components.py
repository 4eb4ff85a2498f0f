import asyncio
from contextlib import asynccontextmanager, suppress


class Component:
    async def __aenter__(self):
        await self.open()
        return self

    async def __aexit__(self, exc_type, exc_value, traceback):
        await self.close()

    async def open(self):
        print("open", type(self).__name__)

    async def close(self):
        print("close", type(self).__name__)


class Database(Component):
    def __init__(self):
        self.rows = []
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self):
        async with self._lock:
            rows = []
            try:
                yield rows
            except BaseException:
                await asyncio.sleep(0)
                raise
            else:
                self.rows.extend(rows)


class Cache(Component):
    def __init__(self):
        self._data = {}

    async def put(self, key, value):
        await asyncio.sleep(0)
        self._data[key] = value

    async def get(self, key, default=None):
        await asyncio.sleep(0)
        return self._data.get(key, default)


class Ticker(Component):
    def __init__(self, interval):
        self.interval = interval
        self.count = 0
        self.stopped = False
        self._task = None
        self._changed = asyncio.Condition()

    async def open(self):
        await super().open()
        self._task = asyncio.create_task(self._run())

    async def close(self):
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await super().close()

    async def _run(self):
        try:
            while True:
                await asyncio.sleep(self.interval)
                async with self._changed:
                    self.count += 1
                    self._changed.notify_all()
        finally:
            self.stopped = True

    async def reached(self, n):
        async with self._changed:
            while self.count < n:
                await self._changed.wait()

    async def countdown(self, n):
        while n:
            yield n
            n -= 1
            await asyncio.sleep(self.interval)
