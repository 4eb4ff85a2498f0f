# moves: fully
import asyncio
import os

DEBUG = "DEBUG" in os.environ
SIZE = 2 if DEBUG else int("0")


async def put(queue):
    for i in range(4):
        await queue.put(i)
        print("put", i)


async def main():
    queue = asyncio.Queue(SIZE)
    async with asyncio.TaskGroup() as tg:
        tg.create_task(put(queue))
    print([queue.get_nowait() for _ in range(4)], queue.full())


asyncio.run(main())
