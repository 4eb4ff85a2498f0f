import asyncio
from typing import Any, Callable, List, Optional, Tuple


class Pool:
    def __init__(self, size: int):
        self.size = size
        self._queue: asyncio.Queue = asyncio.Queue(maxsize=size * 2)
        self._workers: List[asyncio.Task] = []

    @property
    def alive(self):
        return sum(not w.done() for w in self._workers)

    async def __aenter__(self):
        for _ in range(self.size):
            self._workers.append(asyncio.create_task(self._work()))
        return self

    async def __aexit__(self, exc_type, exc, tb):
        for _ in self._workers:
            await self._queue.put(None)
        await asyncio.gather(*self._workers)

    async def submit(self, func, *args) -> asyncio.Future:
        future = asyncio.get_running_loop().create_future()
        await self._queue.put((future, func, args))
        return future

    async def _work(self):
        while True:
            item = await self._queue.get()
            if item is None:
                return
            future, func, args = item
            try:
                result = await func(*args)
            except Exception as exc:
                future.set_exception(exc)
            else:
                future.set_result(result)
