"""What runs in the background while it is entered."""

import asyncio
import contextlib


class Session:
    def __init__(self, name):
        self.name = name
        self.beats = 0
        self._task = None

    async def __aenter__(self):
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, exc_type, exc, tb):
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        print(self.name, "closed", self.beats > 1, exc_type and exc_type.__name__)

    async def _beat(self):
        while True:
            await asyncio.sleep(0.02)
            self.beats += 1


class Worker:
    def __init__(self, log):
        self.queue = asyncio.Queue()
        self.log = log

    async def __aenter__(self):
        self.task = asyncio.create_task(self.run())
        return self

    async def run(self):
        while (item := await self.queue.get()) is not None:
            self.log.append(item * 2)

    async def __aexit__(self, *exc):
        await self.queue.put(None)
        await self.task
        self.log.append("stopped")
