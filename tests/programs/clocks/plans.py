"""What is done at its time, and who was seen when."""

import asyncio
import heapq


async def scheduler(jobs):
    loop = asyncio.get_running_loop()
    start = loop.time()
    heap = []
    for n, (delay, name) in enumerate(jobs):
        when = start + delay
        heapq.heappush(heap, (when, n, name))
    while heap:
        when, _, name = heapq.heappop(heap)
        delay = when - loop.time()
        if delay > 0:
            await asyncio.sleep(delay)
        print("run", name)


class Registry:
    def __init__(self):
        self.last_seen = {}

    def beat(self, name):
        self.last_seen[name] = asyncio.get_running_loop().time()

    def dead(self, after):
        now = asyncio.get_running_loop().time()
        return [name for name, seen in self.last_seen.items() if now - seen > after]

    def age(self, name):
        return asyncio.get_running_loop().time() - self.last_seen[name]
