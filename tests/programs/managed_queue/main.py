# moves: fully
# A queue that a context manager yields, with its class in the annotation.
import asyncio
import contextlib
from typing import AsyncIterator


class Broker:
    def __init__(self) -> None:
        self.queues: set[asyncio.Queue] = set()

    @contextlib.asynccontextmanager
    async def subscribe(self, size: int = 10) -> AsyncIterator[asyncio.Queue]:
        queue: asyncio.Queue = asyncio.Queue(maxsize=size)
        self.queues.add(queue)
        try:
            yield queue
        finally:
            self.queues.remove(queue)

    def publish(self, item: str) -> None:
        for queue in self.queues:
            queue.put_nowait(item)


async def main() -> None:
    broker = Broker()
    broker.publish("nobody hears")
    async with broker.subscribe() as first, broker.subscribe(size=2) as second:
        broker.publish("a")
        broker.publish("b")
        print(await first.get(), await first.get(), await second.get(), second.qsize())
        try:
            broker.publish("c")
            broker.publish("d")
        except asyncio.QueueFull:
            print("full")
    print(len(broker.queues))


asyncio.run(main())
