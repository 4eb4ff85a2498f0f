# moves: fully
"""Jobs at their times, on a heap, until an event says that there are new ones."""

import heapq
import gevent
from gevent.event import Event
from gevent.lock import Semaphore

class Scheduler:
    """Runs jobs at their time."""
    def __init__(self):
        self._heap = []
        self._seq = 0
        self._wake = Event()
        self._done = Event()
        self._running = False
        self.log = []

    def at(self, delay, func, *args, **kwargs):
        self._seq += 1
        heapq.heappush(self._heap, (self._clock() + delay, self._seq, func, args, kwargs))
        self._wake.set()

    def _clock(self):
        return gevent.get_hub().loop.now()

    def run(self):
        self._running = True
        while self._running:
            if not self._heap:
                self._wake.clear()
                if not self._wake.wait(timeout=0.2):
                    break
                continue
            when, _, func, args, kwargs = self._heap[0]
            delay = when - self._clock()
            if delay > 0:
                self._wake.clear()
                self._wake.wait(timeout=delay)
                continue
            heapq.heappop(self._heap)
            func(*args, **kwargs)
        self._done.set()

    def stop(self):
        self._running = False
        self._wake.set()
        self._done.wait()

def main():
    s = Scheduler()
    def note(text, times=1):
        for _ in range(times):
            gevent.sleep(0.01)
        s.log.append(text)
    g = gevent.spawn(s.run)
    gevent.sleep(0)
    s.at(0.12, note, "later")
    s.at(0.03, note, "soon", times=2)
    s.at(0.0, note, "now")
    gevent.sleep(0.3)
    s.stop()
    print(s.log)
    g.join()
    print(g.successful())

main()
