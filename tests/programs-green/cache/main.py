# moves: fully
"""A cache that a re-entrant lock guards."""

import gevent
from gevent.lock import RLock, BoundedSemaphore


class Cache:
    def __init__(self, load):
        self.lock = RLock()
        self.load = load
        self.items = {}
        self.hits = 0

    def get(self, key):
        with self.lock:
            if key in self.items:
                self.hits += 1
                return self.items[key]
            return self.refresh(key)

    def refresh(self, key):
        with self.lock:
            self.items[key] = self.load(key)
            return self.items[key]

    def get_all(self, keys):
        self.lock.acquire()
        try:
            return [self.get(key) for key in keys]
        finally:
            self.lock.release()


calls = []
limit = BoundedSemaphore(2)


def load(key):
    with limit:
        calls.append(key)
        gevent.sleep(0.002)
        return key.upper()


def client(cache, n):
    for key in "abc":
        print(n, cache.get(key))


def steal(cache):
    cache.lock.release()


def main():
    cache = Cache(load)
    gevent.joinall([gevent.spawn(client, cache, n) for n in range(3)])
    print(cache.get_all("abcd"), cache.hits, calls, cache.lock.acquire(blocking=False))
    try:
        gevent.spawn(steal, cache).get()
    except RuntimeError:
        print("not the owner")
    cache.lock.release()


if __name__ == "__main__":
    main()
