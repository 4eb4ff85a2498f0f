# moves: fully
from __future__ import annotations

import asyncio
from typing import Awaitable, Callable

from limiter import Limiter, TokenBucket, WindowLimiter, throttled

Step = Callable[[int], Awaitable[int]]


class Api:
    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.calls: list[int] = []

    @throttled
    async def call(self, n: int) -> int:
        self.calls.append(n)
        await asyncio.sleep(0)
        return n * n


async def use(limiter: Limiter) -> None:
    api = Api(limiter)
    results = await asyncio.gather(*[api.call(n) for n in range(6)])
    print(type(limiter).__name__, results, sorted(api.calls), limiter.granted)


async def main() -> None:
    for limiter in (TokenBucket(rate=1000, capacity=2), WindowLimiter(limit=3, window=0.01)):
        async with limiter:
            await use(limiter)


if __name__ == "__main__":
    asyncio.run(main())
