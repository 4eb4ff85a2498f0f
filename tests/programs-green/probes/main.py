# moves: fully
import enum
import random
from collections import Counter, namedtuple

import gevent
from gevent.pool import Pool

Result = namedtuple("Result", "url status elapsed")
random.seed(3)


class Status(enum.Enum):
    OK = 200
    NOT_FOUND = 404
    ERROR = 500


class Stats:
    def __init__(self):
        self.counter = Counter()
        self.results = []

    def __iadd__(self, result):
        self.counter[result.status.name] += 1
        self.results.append(result)
        return self

    @property
    def total(self):
        return sum(self.counter.values())


def probe(url):
    delay = random.uniform(0.001, 0.01)
    gevent.sleep(delay)
    code = {"x": Status.NOT_FOUND, "y": Status.ERROR}.get(url[-1], Status.OK)
    return Result(url, code, round(delay, 3) > 0)


def main(urls):
    stats = Stats()
    pool = Pool(4)
    for result in pool.imap_unordered(probe, urls, maxsize=2):
        stats += result
    print(stats.total, dict(sorted(stats.counter.items())))
    print(sorted(r.url for r in stats.results if r.status is not Status.OK))
    best = max(stats.results, key=lambda r: (r.status is Status.OK, r.url))
    print(best.url, best.elapsed)


main(["site/%s" % c for c in "abcxydefx"])
