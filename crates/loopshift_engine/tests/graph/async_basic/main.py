import asyncio

class Conn:
    async def __aenter__(self):
        await self.open()
        return self

    async def __aexit__(self, *exc):
        await self.close()

    async def open(self):
        pass

    async def close(self):
        pass

    async def fetch(self):
        return Row()

class Row:
    def value(self):
        return 1

class Stream:
    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration

class Waiter:
    def __await__(self):
        return self.steps().__await__()

    async def steps(self):
        return Row()

async def agen():
    for _ in range(2):
        yield Row()

async def main():
    async with Conn() as c:
        row = await c.fetch()
        row.value()
    async for x in Stream():
        x.value()
    async for r in agen():
        r.value()
    [r.value() async for r in agen()]
    w = await Waiter()
    w.value()
    results = await asyncio.gather(helper(1), helper(2))
    t = asyncio.create_task(helper(3))
    await t
    coro = helper(4)
    (await coro).value()

async def helper(n):
    return Row()

asyncio.run(main())
