# moves: fully
import asyncio

from services import App, Workers


async def main():
    log = []
    async with App(log):
        await asyncio.sleep(0.02)
        log.append("in the block")
    print(sorted(log[:2]), log[2:])
    await asyncio.sleep(0.02)
    async with Workers(2) as workers:
        for item in range(5):
            await workers.queue.put(item)
    await asyncio.sleep(0.02)
    print(sorted(workers.done))


asyncio.run(main())
