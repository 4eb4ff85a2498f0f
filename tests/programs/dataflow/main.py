# moves: fully
"""Dining, sort of: producers and consumers with conditions and barriers by hand."""
import asyncio
from dataclasses import dataclass, field
from typing import Generic, List, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    def __init__(self, capacity: int) -> None:
        self._items: List[T] = []
        self._capacity = capacity
        self._closed = False
        self._cond = asyncio.Condition()

    async def send(self, item: T) -> None:
        async with self._cond:
            while len(self._items) >= self._capacity:
                await self._cond.wait()
            self._items.append(item)
            self._cond.notify_all()

    async def close(self) -> None:
        async with self._cond:
            self._closed = True
            self._cond.notify_all()

    def __aiter__(self):
        return self

    async def __anext__(self) -> T:
        async with self._cond:
            while not self._items:
                if self._closed:
                    raise StopAsyncIteration
                await self._cond.wait()
            item = self._items.pop(0)
            self._cond.notify_all()
            return item


@dataclass
class Stats:
    seen: int = 0
    total: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def add(self, n: int) -> None:
        async with self.lock:
            before = self.total
            await asyncio.sleep(0)
            self.total = before + n
            self.seen += 1


async def produce(channel: "Channel[int]", count: int) -> None:
    for n in range(count):
        await channel.send(n)


async def consume(channel: "Channel[int]", stats: Stats) -> None:
    async for item in channel:
        await stats.add(item)


async def main() -> None:
    channel: Channel[int] = Channel(3)
    stats = Stats()
    consumers = [asyncio.create_task(consume(channel, stats)) for _ in range(3)]
    await asyncio.gather(produce(channel, 10), produce(channel, 20))
    await channel.close()
    await asyncio.gather(*consumers)
    print(stats)


if __name__ == "__main__":
    asyncio.run(main())
