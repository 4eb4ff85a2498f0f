# moves: fully
"""A queue that is the default of a parameter: made once, shared by all calls."""
import asyncio


async def pass_on(item, line: asyncio.Queue = asyncio.Queue()):
    await line.put(item)
    print(line.qsize())
    if line.qsize() > 1:
        print(await line.get(), await line.get())


async def main():
    await pass_on("a")
    await pass_on("b")


asyncio.run(main())
