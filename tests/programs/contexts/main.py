# moves: fully
import asyncio
from contextlib import asynccontextmanager


class Session:
    def __init__(self, name):
        self.name = name

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, exc_type, exc, tb):
        await self.close()

    async def close(self):
        await asyncio.sleep(0.001)
        print(self.name, "closed")


@asynccontextmanager
async def transaction(name):
    print("begin", name)
    try:
        yield name
    except BaseException as e:
        await asyncio.sleep(0)
        print("rollback", name, isinstance(e, Exception))
        raise
    else:
        await asyncio.sleep(0)
        print("commit", name)
    finally:
        await asyncio.sleep(0)
        print("end", name)


async def work(delay):
    async with Session(f"s{delay}") as s, transaction(s.name) as t:
        await asyncio.sleep(delay)
        return t


async def main():
    print(await asyncio.wait_for(work(0), 1))
    try:
        await asyncio.wait_for(work(5), 0.05)
    except asyncio.TimeoutError:
        print("timeout")
    try:
        async with asyncio.timeout(0.05):
            async with transaction("direct"), Session("direct"):
                await asyncio.sleep(3)
    except TimeoutError:
        print("timeout direct")


asyncio.run(main())
