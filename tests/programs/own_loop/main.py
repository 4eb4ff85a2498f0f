# moves: fully
"""Objects that take an event loop, and find one by themselves where they are given none."""
import asyncio


class Clock:
    def __init__(self, loop=None):
        self._loop = loop or asyncio.get_event_loop()
        self._started = self._loop.time()
        self.ticks = []

    def later(self, seconds, func, *args):
        return self._loop.call_later(seconds, func, *args)

    def elapsed(self):
        return self._loop.time() - self._started


class Other:
    def __init__(self, *, loop=None):
        if loop is None:
            loop = asyncio.get_running_loop()
        self.loop = loop

    async def run(self):
        return await self.loop.run_in_executor(None, len, "abc")


async def main():
    c = Clock()
    c.later(0.01, c.ticks.append, "tick")
    await asyncio.sleep(0.1)
    print(c.ticks, c.elapsed() > 0.05)
    print(await Other().run())


asyncio.run(main())
