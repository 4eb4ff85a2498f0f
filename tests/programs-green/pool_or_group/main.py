# moves: fully
"""A runner that takes a bounded pool or an unbounded group."""
import argparse

import gevent
from gevent.pool import Group, Pool


def make_pool(size):
    if size:
        return Pool(size)
    return Group()


class Runner:
    def __init__(self, size=None):
        self.pool = Pool(size) if size else Group()
        self.active = 0
        self.peak = 0

    def step(self, n):
        self.active += 1
        self.peak = max(self.peak, self.active)
        gevent.sleep(0.01)
        self.active -= 1
        return n * n

    def run(self, numbers):
        jobs = [self.pool.spawn(self.step, n) for n in numbers]
        self.pool.join()
        return [job.value for job in jobs]

    def mapped(self, numbers):
        return self.pool.map(self.step, numbers)


def double(n):
    gevent.sleep(0.01 * (4 - n))
    return n * 2


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=None)
    args = parser.parse_args(argv)
    runner = Runner(args.size)
    print("run", runner.run(range(5)), "peak", runner.peak)
    print("mapped", runner.mapped([7, 8]))
    pool = make_pool(args.size)
    print("imap", list(pool.imap(double, [1, 2, 3])))
    print("unordered", list(pool.imap_unordered(double, [1, 2, 3])) if not args.size else "skipped")
    late = pool.apply_async(double, (3,))
    print("async", late.get())
    print("apply", pool.apply(double, (1,)))
    print("empty", len(pool))


if __name__ == "__main__":
    main([])
    main(["--size", "2"])
