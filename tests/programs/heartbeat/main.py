# moves: fully
import asyncio
import contextlib
import time
from typing import Optional


class Heartbeat:
    """Calls back in regular intervals until stopped."""

    def __init__(self, interval: float, callback):
        self.interval = interval
        self.callback = callback
        self._task: Optional[asyncio.Task] = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._loop())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _loop(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            await self.callback()


class Node:
    def __init__(self, name: str):
        self.name = name
        self.beats = 0
        self.enough = asyncio.Event()
        self.heartbeat = Heartbeat(0.001, self._beat)

    async def _beat(self):
        self.beats += 1
        if self.beats == 3:
            self.enough.set()

    async def run(self):
        self.heartbeat.start()
        try:
            await asyncio.wait_for(self.enough.wait(), 5)
        finally:
            await self.heartbeat.stop()
        return f"{self.name}: {self.beats >= 3}"


async def main():
    nodes = [Node("a"), Node("b")]
    for line in await asyncio.gather(*(n.run() for n in nodes)):
        print(line)


if __name__ == "__main__":
    asyncio.run(main())
