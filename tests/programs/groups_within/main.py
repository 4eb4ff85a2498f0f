# moves: fully
"""A group of tasks within the block that lasts for what a later call gathers."""
import asyncio


async def work(number):
    await asyncio.sleep(0.02 * number)
    if number == 3:
        raise ValueError(number)
    print("done", number)
    return number * 2


class Session:
    async def __aenter__(self):
        self.beat = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *error):
        self.beat.cancel()
        try:
            await self.beat
        except asyncio.CancelledError:
            print("closed")

    async def run(self):
        while True:
            await asyncio.sleep(1)


async def main():
    async with Session():
        jobs = [asyncio.create_task(work(number)) for number in (2, 1)]
        for job in jobs:
            print(await job)
        for number in await asyncio.gather(work(1), work(2)):
            print("gathered", number)


asyncio.run(main())
