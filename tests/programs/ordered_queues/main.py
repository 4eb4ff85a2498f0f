# moves: fully
import asyncio
from asyncio import LifoQueue, PriorityQueue, Queue
from dataclasses import dataclass, field
from typing import Optional


@dataclass(order=True)
class Job:
    priority: int
    name: str = field(compare=False)


class Desk:
    def __init__(self, jobs: Queue, done: "Optional[asyncio.Queue[str]]" = None):
        self.jobs = jobs
        self.done = done

    async def work(self):
        while not self.jobs.empty():
            job = await self.jobs.get()
            print("works on", job.name)
            if self.done is not None:
                await self.done.put(job.name)


async def drain(names: "Queue[str]", count):
    return [await names.get() for _ in range(count)]


async def main():
    jobs, names = PriorityQueue(), LifoQueue()
    for priority, name in [(3, "late"), (1, "first"), (2, "second")]:
        jobs.put_nowait(Job(priority, name))
    desk = Desk(jobs, names)
    await asyncio.create_task(desk.work())
    print(await drain(names, 3))


asyncio.run(main())
