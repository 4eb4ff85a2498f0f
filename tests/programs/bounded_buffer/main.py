# moves: fully
import asyncio
from collections import deque


class Buffer:
    def __init__(self, size):
        self.items = deque()
        self.size = size
        self.cond = asyncio.Condition()
        self.closed = False

    async def put(self, item):
        async with self.cond:
            await self.cond.wait_for(lambda: len(self.items) < self.size)
            self.items.append(item)
            self.cond.notify_all()

    async def get(self):
        async with self.cond:
            while not self.items and not self.closed:
                await self.cond.wait()
            if not self.items:
                raise EOFError
            item = self.items.popleft()
            self.cond.notify_all()
            return item

    async def close(self):
        async with self.cond:
            self.closed = True
            self.cond.notify_all()

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self.get()
        except EOFError:
            raise StopAsyncIteration


async def producer(buf):
    for i in range(6):
        await buf.put(i)
    await buf.close()


async def main():
    buf = Buffer(2)
    task = asyncio.ensure_future(producer(buf))
    got = [item async for item in buf]
    await task
    print(got)


asyncio.run(main())
