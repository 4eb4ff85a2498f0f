# moves: fully
import gevent
from gevent.queue import Queue, PriorityQueue


def fill(queue, items):
    for item in items:
        queue.put(item)
        gevent.sleep(0.001)
    queue.put(StopIteration)


def drain(queue):
    return sorted(queue, reverse=True)


class Inbox:
    def __init__(self):
        self.queue = Queue()

    def all(self):
        return list(self.queue)


q = Queue()
gevent.spawn(fill, q, [3, 1, 2])
print(list(q))
gevent.spawn(fill, q, [3, 1, 2])
print(drain(q))
inbox = Inbox()
gevent.spawn(fill, inbox.queue, "ab")
print(inbox.all(), len(inbox.queue))
gevent.spawn(fill, q, [1, 2])
print(sum(q), tuple([q.qsize()]))
gevent.spawn(fill, q, [(1, "x")])
print(dict(q))
