# moves: partly
"""Tasks and a semaphore that are asked when no event loop runs any more."""

import asyncio

slots = asyncio.BoundedSemaphore(1)
kept = {}


async def wait(name):
    await asyncio.sleep(10)
    return name


def tell(task):
    return "stopped" if task.cancelled() else task.result()


async def main():
    async with slots:
        task = asyncio.create_task(wait("slow"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    kept["task"] = task


asyncio.run(main())
print(tell(kept["task"]), slots.locked())
try:
    slots.release()
except ValueError:
    print("released too often")
