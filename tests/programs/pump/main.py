# moves: fully
import asyncio
from contextlib import asynccontextmanager
from typing import AsyncIterator


async def source(n: int) -> AsyncIterator[int]:
    for i in range(n):
        await asyncio.sleep(0)
        yield i


async def square(items):
    async for x in items:
        yield x * x


async def batch(items, size):
    buf = []
    async for x in items:
        buf.append(x)
        if len(buf) == size:
            yield buf
            buf = []
    if buf:
        yield buf


@asynccontextmanager
async def pump(items, maxsize=2):
    queue = asyncio.Queue(maxsize=maxsize)
    done = object()

    async def feed():
        async for x in items:
            await queue.put(x)
        await queue.put(done)

    async def consume():
        while True:
            x = await queue.get()
            if x is done:
                return
            yield x

    task = asyncio.create_task(feed())
    try:
        yield consume()
    finally:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


async def main():
    async with pump(batch(square(source(7)), 3)) as stream:
        async for group in stream:
            print(group)
    total = 0
    async with pump(source(100)) as stream:
        async for x in stream:
            total += x
            if x == 10:
                break
    print(total)


if __name__ == "__main__":
    asyncio.run(main())
