# moves: partly
import asyncio
from collections import OrderedDict


class Jobs:
    """Jobs by name, replaced when submitted again."""

    def __init__(self):
        self._jobs = OrderedDict()
        self.finished = []

    async def _run(self, name, delay):
        try:
            await asyncio.sleep(delay)
            self.finished.append(name)
        finally:
            me = asyncio.current_task()
            if me is self._jobs.get(name):
                del self._jobs[name]

    def submit(self, name, delay):
        old = self._jobs.pop(name, None)
        if old is not None:
            old.cancel()
        self._jobs[name] = asyncio.create_task(self._run(name, delay))

    async def join(self):
        while self._jobs:
            await asyncio.sleep(0.001)


async def main():
    jobs = Jobs()
    jobs.submit("a", 60)
    jobs.submit("b", 0.005)
    await asyncio.sleep(0.001)
    jobs.submit("a", 0.02)
    await jobs.join()
    print(jobs.finished)


asyncio.run(main())
