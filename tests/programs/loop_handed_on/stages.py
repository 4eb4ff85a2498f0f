import asyncio


def total(n):
    return sum(range(n))


class Fetcher:
    def __init__(self, loop, limit):
        self.loop = loop
        self.limit = asyncio.Semaphore(limit)

    async def fetch(self, n):
        async with self.limit:
            return await self.loop.run_in_executor(None, total, n)


async def stage(name, loop, items, *, delay=0.01):
    """Waits, then sums."""
    start = loop.time()
    await asyncio.sleep(delay)
    fetcher = Fetcher(loop, 2)
    out = []
    for n in items:
        out.append(await fetcher.fetch(n))
    return name, out, loop.time() - start < 60
