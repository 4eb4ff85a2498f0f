# moves: fully
# Two conditions of one lock, and one whose lock nobody else has: who holds one of them may notify the other.
import asyncio


class Buffer:
    def __init__(self, size):
        self.size = size
        self.items = []
        self.lock = asyncio.Lock()
        self.not_empty = asyncio.Condition(self.lock)
        self.not_full = asyncio.Condition(lock=self.lock)
        self.closed = asyncio.Condition(asyncio.Lock())
        self.is_closed = False

    async def put(self, item):
        async with self.not_full:
            while len(self.items) >= self.size:
                await self.not_full.wait()
            self.items.append(item)
            self.not_empty.notify()

    async def get(self):
        async with self.lock:
            while not self.items:
                await self.not_empty.wait()
            item = self.items.pop(0)
            self.not_full.notify()
            return item

    async def close(self):
        async with self.closed:
            self.is_closed = True
            self.closed.notify_all()

    async def wait_closed(self):
        async with self.closed:
            await self.closed.wait_for(lambda: self.is_closed)


async def produce(buffer):
    for number in range(6):
        await buffer.put(number)
    await buffer.wait_closed()
    print("produced")


async def main():
    buffer = Buffer(2)
    producer = asyncio.create_task(produce(buffer))
    await asyncio.sleep(0.02)
    print("waiting", len(buffer.items))
    print([await buffer.get() for _ in range(6)])
    await buffer.close()
    await producer


asyncio.run(main())
