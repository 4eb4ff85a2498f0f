# moves: fully
"""Functions wait in a heap until their time has come."""

import heapq
import itertools

import eventlet
from eventlet import greenthread


class Scheduler:
    def __init__(self):
        self._heap = []
        self._count = itertools.count()
        self._thread = None
        self.log = []

    def at(self, delay, func, *args, **kwargs):
        heapq.heappush(self._heap, (delay, next(self._count), func, args, kwargs))

    def start(self):
        self._thread = eventlet.spawn(self._loop)

    def _loop(self):
        now = 0
        while self._heap:
            when, _, func, args, kwargs = heapq.heappop(self._heap)
            greenthread.sleep(when - now)
            now = when
            try:
                self.log.append(func(*args, **kwargs))
            except Exception as error:
                self.log.append(repr(error))
        return now

    def wait(self):
        return self._thread.wait()


def add(a, b=0):
    return a + b


def slow(name):
    eventlet.sleep(0.005)
    return "slow " + name


s = Scheduler()
s.at(0.03, add, 1, b=2)
s.at(0.01, slow, "x")
s.at(0.02, lambda: [][1])
s.start()
print(s.wait())
print(s.log)
