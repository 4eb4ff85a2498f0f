import asyncio
import functools
import time
from collections import OrderedDict


class AsyncCache:
    def __init__(self, loader, maxsize=128):
        self._loader = loader
        self._maxsize = maxsize
        self._values = OrderedDict()
        self._locks = {}
        self._hits = 0
        self._misses = 0

    def _lock_for(self, key):
        if key not in self._locks:
            self._locks[key] = asyncio.Lock()
        return self._locks[key]

    async def get(self, key):
        async with self._lock_for(key):
            if key in self._values:
                self._hits += 1
                self._values.move_to_end(key)
                return self._values[key]
            self._misses += 1
            value = await self._loader(key)
            self._values[key] = value
            if len(self._values) > self._maxsize:
                old, _ = self._values.popitem(last=False)
                self._locks.pop(old, None)
            return value

    def keys(self):
        return self._values.keys()

    def stats(self):
        return f"hits={self._hits} misses={self._misses}"


def cached(ttl):
    def decorator(func):
        values = {}
        lock = asyncio.Lock()

        @functools.wraps(func)
        async def wrapper(*args):
            async with lock:
                now = time.monotonic()
                if args in values and values[args][0] > now:
                    return values[args][1]
                result = await func(*args)
                values[args] = (now + ttl, result)
                return result
        return wrapper
    return decorator
