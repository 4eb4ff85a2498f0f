# moves: fully
"""What is gone through by `iter(get, end)`, by generators, and by objects that are their own iterator."""

import gevent
from gevent.queue import Queue

END = object()

class Stream:
    def __init__(self):
        self.q = Queue(2)
    def put(self, item):
        self.q.put(item)
    def close(self):
        self.q.put(END)
    def __iter__(self):
        return iter(self.q.get, END)

class Numbers:
    def __init__(self, n):
        self.n = n
    def __iter__(self):
        for i in range(self.n):
            gevent.sleep(0.01)
            yield i
    def __len__(self):
        return self.n
    def __contains__(self, x):
        return 0 <= x < self.n

class Pager:
    def __init__(self, pages):
        self.pages = list(pages)
    def __iter__(self):
        return self
    def __next__(self):
        if not self.pages:
            raise StopIteration
        gevent.sleep(0.01)
        return self.pages.pop(0)

def producer(s, items):
    for i in items:
        s.put(i)
    s.close()

def main():
    s = Stream()
    gevent.spawn(producer, s, "abcde")
    for x in s:
        print(x, end=" ")
    print()
    s = Stream()
    gevent.spawn(producer, s, range(4))
    print([x * 2 for x in s])
    print(list(Numbers(3)), sum(Numbers(4)), len(Numbers(3)), 2 in Numbers(3))
    first, *rest = Numbers(3)
    print(first, rest)
    for i, page in enumerate(Pager("xyz"), 1):
        print(i, page)
    print(dict(zip("abc", Numbers(3))))
    print(next(iter(Pager(["only"]))))
    for a, b in zip(Numbers(2), Pager("pq")):
        print(a, b)
    it = iter(Numbers(2))
    print(next(it), next(it), next(it, "end"))

main()
