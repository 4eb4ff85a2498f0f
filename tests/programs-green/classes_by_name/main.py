# moves: fully
"""Classes of pools, queues and events that are attributes, and values of a dictionary."""

import gevent
from gevent.event import Event
from gevent.lock import Semaphore
from gevent.pool import Pool
from gevent.queue import Queue, PriorityQueue

class Base:
    pool_class = Pool
    event_class = Event
    queue_class = Queue
    size = 2
    def __init__(self):
        self.pool = self.pool_class(self.size)
        self.ready = self.event_class()
        self.lock = Semaphore(1)
        self.queue = self.queue_class()
    def work(self, n):
        with self.lock:
            gevent.sleep(0.01)
            self.queue.put(n)
        return n
    def run(self):
        for n in (3, 1, 2):
            self.pool.spawn(self.work, n)
        self.pool.join()
        self.ready.set()
        return [self.queue.get() for _ in range(self.queue.qsize())]

class Sorted(Base):
    queue_class = PriorityQueue
    size = 3

QUEUES = {"fifo": Queue, "sorted": PriorityQueue}

def make(kind):
    return QUEUES[kind]()

def main():
    print(Base().run(), Sorted().run())
    for kind in sorted(QUEUES):
        q = make(kind)
        for x in (2, 1):
            q.put(x)
        print(kind, q.get(), q.get())

main()
