# moves: fully
"""Times of the loop's clock in tuples, dicts, heaps, deques and fields."""

import asyncio

from caches import Cache, TupleCache, lookup
from limits import Limiter, TokenBucket
from plans import Registry, scheduler


async def limit():
    loop = asyncio.get_running_loop()
    bucket = TokenBucket(20, 2)
    start = loop.time()
    for n in range(4):
        await bucket.take()
        print("took", n)
    print("not at once", loop.time() - start > 0.05)
    limiter = Limiter(2, 0.1)
    print([limiter.allow("a") for _ in range(3)], limiter.allow("b"))
    await asyncio.sleep(0.15)
    print(limiter.allow("a"))


async def keep():
    caches = [TupleCache(0.2), Cache(0.2)]
    caches[0].set("a", 1)
    caches[1].put("a", 2)
    print([cache.get("a") for cache in caches], [cache.get("b") for cache in caches])
    print(await lookup("a"), await lookup("a"))
    await asyncio.sleep(0.3)
    print([cache.get("a") for cache in caches], await lookup("a"))


async def watch():
    await scheduler([(0.09, "c"), (0.03, "a"), (0.06, "b")])
    registry = Registry()
    registry.beat("a")
    await asyncio.sleep(0.2)
    registry.beat("b")
    print(registry.dead(0.15), registry.age("a") > 0.15)
    registry.beat("a")
    print(registry.dead(0.15))


async def main():
    await limit()
    await keep()
    await watch()


asyncio.run(main())
