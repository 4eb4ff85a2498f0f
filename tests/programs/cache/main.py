# moves: fully
import asyncio

from cache import AsyncCache, cached

loads = []


async def load_user(key):
    loads.append(key)
    await asyncio.sleep(0.005)
    if key < 0:
        raise LookupError(key)
    return {"id": key, "name": f"user{key}"}


@cached(ttl=10)
async def square(n):
    loads.append(f"square {n}")
    await asyncio.sleep(0)
    return n * n


async def main():
    cache = AsyncCache(load_user, maxsize=2)
    users = await asyncio.gather(*[cache.get(1) for _ in range(4)])
    print(len({id(u) for u in users}), loads)
    await cache.get(2)
    await cache.get(3)
    print(sorted(cache.keys()), cache.stats())
    try:
        await cache.get(-1)
    except LookupError as exc:
        print("lookup error", exc)
    print(await square(3), await square(3), await square(4))
    print(loads)


asyncio.run(main())
