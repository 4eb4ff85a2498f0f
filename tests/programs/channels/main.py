# moves: fully
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Coroutine, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Queue

T = TypeVar("T")
Handler = Callable[[T], Awaitable[None]]


class Sink(Protocol[T]):
    async def write(self, item: T) -> None: ...


class Channel(Generic[T]):
    def __init__(self, maxsize: int = 0) -> None:
        self._queue: asyncio.Queue[T] = asyncio.Queue(maxsize)
        self._readers: set[asyncio.Task[Any]] = set()

    async def write(self, item: T) -> None:
        await self._queue.put(item)

    def subscribe(self, handler: Handler[T]) -> asyncio.Task[None]:
        async def run() -> None:
            while True:
                item = await self._queue.get()
                try:
                    await handler(item)
                finally:
                    self._queue.task_done()

        task = asyncio.create_task(run())
        self._readers.add(task)
        task.add_done_callback(self._readers.discard)
        return task

    async def close(self) -> None:
        await self._queue.join()
        for task in list(self._readers):
            task.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)


async def pump(sink: Sink[int], count: int) -> None:
    for i in range(count):
        await sink.write(i)






async def main() -> list[int]:
    channel: Channel[int] = Channel(1)
    seen: list[int] = []

    async def keep(item: int) -> None:
        await asyncio.sleep(0)
        seen.append(item)

    channel.subscribe(keep)
    await pump(channel, 4)
    await channel.close()
    return seen


if __name__ == "__main__":
    print(asyncio.run(main()))
