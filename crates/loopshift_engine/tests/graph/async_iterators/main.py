import asyncio

class Pager:
    def __init__(self, n): self.n = n
    def __aiter__(self): return self
    async def __anext__(self):
        if not self.n:
            raise StopAsyncIteration
        self.n -= 1
        return await self.load()
    async def load(self): return Page()

class Page:
    def text(self): return "t"

async def numbers():
    for i in range(2):
        yield i, Page()

async def main():
    async for p in Pager(2):
        p.text()
    async for i, p in numbers():
        p.text()
    pages = [p async for p in Pager(1)]
    pages[0].text()
    it = Pager(1)
    (await it.__anext__()).text()
    ag = numbers()
    pair = await ag.__anext__()
    pair[1].text()

asyncio.run(main())
