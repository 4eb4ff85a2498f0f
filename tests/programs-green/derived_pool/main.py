# moves: fully
"""A pool that remembers what it was given."""

import eventlet
from eventlet import greenpool


class LoggingPool(greenpool.GreenPool):
    def __init__(self, size):
        super(LoggingPool, self).__init__(size)
        self.log = []

    def submit(self, func, *args):
        self.log.append(func.__name__)
        return self.spawn(func, *args)


def work(n):
    eventlet.sleep(0.05)
    return n * n


def main():
    pool = LoggingPool(2)
    results = [pool.submit(work, n) for n in range(3)]
    print([r.wait() for r in results], pool.log)
    pool.resize(5)
    print(pool.free(), pool.running())


main()
