# moves: fully
import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from components import Cache, Database, Ticker


@asynccontextmanager
async def application(*components):
    async with AsyncExitStack() as stack:
        for component in components:
            await stack.enter_async_context(component)
        yield components
    print("all closed")


async def main():
    database, cache, ticker = Database(), Cache(), Ticker(0.001)
    async with application(database, cache, ticker):
        await cache.put("a", 1)
        print(await cache.get("a"), await cache.get("b", 2))
        async with database.transaction() as tx:
            tx.append("insert a")
        try:
            async with database.transaction() as tx:
                tx.append("insert b")
                raise ValueError("rollback please")
        except ValueError as error:
            print(error)
        await ticker.reached(3)
    print(database.rows, ticker.stopped)
    agen = ticker.countdown(3)
    print([n async for n in agen])


asyncio.run(main())
