import asyncio


class Ticker:
    """A task that is told to stop, and waited for."""

    def __init__(self, name, log):
        self.name = name
        self.log = log
        self._task = None

    def start(self):
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self):
        if self._task is None:
            return
        self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            self.log.append(f"{self.name} stopped")
        self._task = None

    async def _run(self):
        try:
            self.log.append(f"{self.name} runs")
            await asyncio.sleep(10)
        finally:
            self.log.append(f"{self.name} cleans up")


class App:
    def __init__(self, log):
        self.tickers = [Ticker("a", log), Ticker("b", log)]

    async def __aenter__(self):
        for ticker in self.tickers:
            ticker.start()
        return self

    async def __aexit__(self, *exc):
        for ticker in reversed(self.tickers):
            await ticker.stop()


class Workers:
    """Tasks that are gathered when their queue is empty."""

    def __init__(self, count):
        self.count = count
        self.queue = asyncio.Queue()
        self.done = []
        self._tasks = []

    async def _work(self):
        while True:
            item = await self.queue.get()
            await asyncio.sleep(0.01)
            self.done.append(item)
            self.queue.task_done()

    async def __aenter__(self):
        for _ in range(self.count):
            self._tasks.append(asyncio.create_task(self._work()))
        return self

    async def __aexit__(self, kind, error, traceback):
        if kind is None:
            await self.queue.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
