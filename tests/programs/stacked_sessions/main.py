# moves: fully
"""Objects with tasks that an exit stack leaves: one after the other, also when an error leaves the block."""

import asyncio
from contextlib import AsyncExitStack

from sessions import Session, Worker


async def many():
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(Session(name)) for name in "ab"]
        await asyncio.sleep(0.1)
        print([session.beats > 1 for session in sessions])
    print("left")


async def work():
    log = []
    async with AsyncExitStack() as stack:
        workers = []
        for _ in range(2):
            workers.append(await stack.enter_async_context(Worker(log)))
        for n in range(4):
            await workers[n % 2].queue.put(n)
            await asyncio.sleep(0.01)
    print(log)


async def fail():
    try:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(Session("c"))
            await asyncio.sleep(0.1)
            raise KeyError(session.name)
    except KeyError as error:
        print("caught", error)


async def main():
    await many()
    await work()
    await fail()


asyncio.run(main())
