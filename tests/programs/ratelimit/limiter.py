from __future__ import annotations

import asyncio
import functools
import time
from collections import deque


class Limiter:
    def __init__(self) -> None:
        self.granted = 0

    async def __aenter__(self) -> Limiter:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None

    async def acquire(self) -> None:
        raise NotImplementedError


class TokenBucket(Limiter):
    def __init__(self, rate: float, capacity: int) -> None:
        super().__init__()
        self.rate = rate
        self.capacity = capacity
        self._tokens = asyncio.Semaphore(capacity)
        self._refill: asyncio.Task[None] | None = None

    async def __aenter__(self) -> TokenBucket:
        self._refill = asyncio.create_task(self._refill_forever())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._refill is not None
        self._refill.cancel()
        try:
            await self._refill
        except asyncio.CancelledError:
            pass
        self._refill = None

    async def _refill_forever(self) -> None:
        while True:
            await asyncio.sleep(1 / self.rate)
            if self._tokens._value < self.capacity:
                self._tokens.release()

    async def acquire(self) -> None:
        await self._tokens.acquire()
        self.granted += 1


class WindowLimiter(Limiter):
    def __init__(self, limit: int, window: float) -> None:
        super().__init__()
        self.limit = limit
        self.window = window
        self._lock = asyncio.Lock()
        self._times: deque[float] = deque()

    async def acquire(self) -> None:
        async with self._lock:
            while True:
                now = asyncio.get_running_loop().time()
                while self._times and now - self._times[0] >= self.window:
                    self._times.popleft()
                if len(self._times) < self.limit:
                    break
                await asyncio.sleep(self.window - (now - self._times[0]))
            self._times.append(now)
            self.granted += 1


def throttled(func):
    @functools.wraps(func)
    async def wrapper(self, *args, **kwargs):
        await self.limiter.acquire()
        return await func(self, *args, **kwargs)
    return wrapper
