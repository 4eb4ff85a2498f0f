import asyncio
import typing as t


class Batcher:
    def __init__(self, handler, max_size: int, max_wait: float):
        self._handler = handler
        self._max_size = max_size
        self._max_wait = max_wait
        self._queue: asyncio.Queue = asyncio.Queue()
        self._task: t.Optional[asyncio.Task] = None
        self.sizes: t.List[int] = []

    @property
    def running(self):
        return self._task is not None and not self._task.done()

    async def start(self):
        self._task = asyncio.create_task(self._loop())

    async def stop(self):
        if self._task:
            self._task.cancel()
            try:
                await self._task
            except asyncio.CancelledError:
                pass
            self._task = None

    async def submit(self, request):
        fut = asyncio.get_running_loop().create_future()
        await self._queue.put((request, fut))
        return await fut

    async def _collect(self):
        batch = [await self._queue.get()]
        try:
            while len(batch) < self._max_size:
                batch.append(await asyncio.wait_for(self._queue.get(), self._max_wait))
        except asyncio.TimeoutError:
            pass
        return batch

    async def _loop(self):
        while True:
            batch = await self._collect()
            self.sizes.append(len(batch))
            try:
                results = await self._handler([r for r, _ in batch])
            except Exception as e:
                for _, fut in batch:
                    fut.set_exception(e)
            else:
                for (_, fut), value in zip(batch, results):
                    fut.set_result(value)
