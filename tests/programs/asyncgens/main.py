# moves: fully
import asyncio
from contextlib import aclosing, asynccontextmanager


async def numbers(n, delay=0.001):
    try:
        for i in range(n):
            yield i
            await asyncio.sleep(delay)
    finally:
        print("numbers closed")


async def batched(source, size):
    batch = []
    async for item in source:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def merge(*sources):
    queue = asyncio.Queue()
    done = object()

    async def pump(source):
        async for item in source:
            await queue.put(item)
        await queue.put(done)

    tasks = [asyncio.create_task(pump(s)) for s in sources]
    left = len(tasks)
    while left:
        item = await queue.get()
        if item is done:
            left -= 1
        else:
            yield item
    await asyncio.gather(*tasks)


@asynccontextmanager
async def timed(label):
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        yield
    finally:
        print(label, "quick" if loop.time() - start < 1 else "slow")


async def main():
    async with timed("batches"):
        async for batch in batched(numbers(5), 2):
            print(batch)
    async with aclosing(numbers(100)) as stream:
        async for n in stream:
            if n == 2:
                break
    merged = [x async for x in merge(numbers(3), numbers(2))]
    print(sorted(merged))
    print({k: v async for k, v in aenumerate(numbers(2))})


async def aenumerate(source, start=0):
    n = start
    async for item in source:
        yield n, item
        n += 1


asyncio.run(main())
