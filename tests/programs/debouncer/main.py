# moves: fully
import asyncio


class Debouncer:
    """Runs a callback once after the calls have ceased."""

    def __init__(self, delay, func):
        self.delay = delay
        self.func = func
        self._task = None

    def call(self, *args):
        if self._task is not None and not self._task.done():
            self._task.cancel()
        self._task = asyncio.create_task(self._later(*args))

    async def _later(self, *args):
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            print("cancelled", args)
            raise
        self.func(*args)

    async def flush(self):
        if self._task:
            try:
                await self._task
            except asyncio.CancelledError:
                pass


async def main():
    seen = []
    d = Debouncer(0.05, seen.append)
    for i in range(3):
        d.call(i)
        await asyncio.sleep(0.01)
    await d.flush()
    print(seen)


if __name__ == "__main__":
    asyncio.run(main())
