import asyncio


async def download(name, chunks):
    total = 0
    for place in range(chunks):
        await asyncio.sleep(0.02)
        total += (place + 1) * 100
    return name, total


async def watch(tasks):
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0.05)
    print("all done")


class Pool:
    def __init__(self, size):
        self.size = size
        self.done = []

    async def work(self, jobs):
        while jobs:
            job = jobs.pop(0)
            await asyncio.sleep(0.03 * job)
            self.done.append(job)

    def drain(self, jobs):
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(asyncio.gather(*[self.work(jobs) for _ in range(self.size)]))
        finally:
            loop.close()
        return self.done


class Kept:
    def __init__(self):
        self.seen = []

    async def start(self, n):
        self.task = asyncio.create_task(self.work(n))
        await asyncio.sleep(0.01)

    async def work(self, n):
        for place in range(n):
            self.seen.append(place)
            await asyncio.sleep(0.03)
        return "worked"

    async def stop(self):
        print(await self.task, self.seen)
