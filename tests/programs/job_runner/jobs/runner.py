import asyncio
from collections import Counter


class Runner:
    def __init__(self, limit):
        self._limit = asyncio.BoundedSemaphore(limit)
        self._tasks = set()
        self.stats = Counter()

    async def __aenter__(self):
        return self

    async def __aexit__(self, exc_type, exc, tb):
        if self._tasks:
            await asyncio.wait(self._tasks)

    def submit(self, job):
        task = asyncio.create_task(self._run(job), name=job.name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return job

    def _finished(self, task):
        self._tasks.discard(task)
        self.stats["finished"] += 1

    async def _run(self, job):
        async with self._limit:
            await job.run()
