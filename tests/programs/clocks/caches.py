"""Values that are kept for a while."""

import asyncio
from dataclasses import dataclass

CACHE = {}
TTL = 0.2


class TupleCache:
    def __init__(self, ttl):
        self.ttl = ttl
        self._values = {}

    def get(self, key):
        if key in self._values:
            value, expires = self._values[key]
            if asyncio.get_running_loop().time() < expires:
                return value
            del self._values[key]
        return None

    def set(self, key, value):
        self._values[key] = value, asyncio.get_running_loop().time() + self.ttl


@dataclass
class Entry:
    value: object
    expires: float


class Cache:
    def __init__(self, ttl):
        self.ttl = ttl
        self.entries: dict[str, Entry] = {}

    def get(self, key):
        entry = self.entries.get(key)
        loop = asyncio.get_running_loop()
        if entry is None or entry.expires <= loop.time():
            return None
        return entry.value

    def put(self, key, value):
        loop = asyncio.get_running_loop()
        self.entries[key] = Entry(value, expires=loop.time() + self.ttl)


async def lookup(key):
    loop = asyncio.get_running_loop()
    hit = CACHE.get(key)
    if hit is not None:
        value, stamp = hit
        if loop.time() - stamp < TTL:
            return value, True
    await asyncio.sleep(0.001)
    CACHE[key] = (key.upper(), loop.time())
    return key.upper(), False
