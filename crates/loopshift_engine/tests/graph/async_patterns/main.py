import asyncio
from functools import wraps

def retry(fn):
    @wraps(fn)
    async def inner(*a, **k):
        try:
            return await fn(*a, **k)
        except ValueError:
            return await fn(*a, **k)
    return inner

class Api:
    @retry
    async def get(self, path):
        await self.pause()
        return Resp()

    async def pause(self):
        await asyncio.sleep(0)

    async def pages(self):
        for _ in range(2):
            r = await self.get("p")
            yield r

class Resp:
    def json(self):
        return {}

async def worker(queue, api):
    while not queue.empty():
        path = await queue.get()
        r = await api.get(path)
        r.json()

async def main():
    api = Api()
    q = asyncio.Queue()
    q.put_nowait("a")
    await worker(q, api)
    async for page in api.pages():
        page.json()
    tasks = [asyncio.ensure_future(api.get("z"))]
    for t in tasks:
        (await t).json()
    await asyncio.wait_for(api.pause(), 1)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, blocking)

def blocking():
    pass

if __name__ == "__main__":
    asyncio.run(main())
