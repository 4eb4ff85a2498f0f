# moves: fully
"""A timeout of no time at all takes what is there already."""

import asyncio


async def take(queue, seconds):
    try:
        async with asyncio.timeout(seconds):
            return await queue.get()
    except TimeoutError:
        return "nothing"


async def main():
    queue = asyncio.Queue()
    queue.put_nowait("first")
    print(await take(queue, 0))
    print(await take(queue, 0))


asyncio.run(main())
