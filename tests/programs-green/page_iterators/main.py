# moves: fully
import gevent
from gevent.queue import Queue


class Stream:
    def __init__(self, source):
        self.source = source

    def __iter__(self):
        return self

    def __next__(self):
        item = self.source.get()
        if item is None:
            raise StopIteration
        return item

    next = __next__


class Pages:
    def __init__(self, total):
        self.total = total

    def __iter__(self):
        for page in range(self.total):
            gevent.sleep(0.001)
            for item in range(2):
                yield page * 2 + item



q = Queue()
for n in (1, 2, 3, None):
    q.put(n)
print([n * 2 for n in Stream(q)])
pages = Pages(2)
print(list(pages), sum(pages), [a + b for a, b in zip(pages, pages)])
first, *rest = pages
print(first, rest)
