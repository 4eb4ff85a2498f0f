import asyncio


class Throttle:
    """Lets so many coroutines run at once."""

    def __init__(self, limit):
        self.active = 0
        self._free = asyncio.Semaphore(limit)

    async def __call__(self, coroutine):
        async with self._free:
            self.active += 1
            try:
                return await coroutine
            finally:
                self.active -= 1
