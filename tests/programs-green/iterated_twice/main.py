# moves: no, what goes through it has no form
import itertools
import eventlet
from eventlet.queue import LightQueue


class Source:
    """Iterates over what arrives; several may read."""

    def __init__(self):
        self.queue = LightQueue()
        self.closed = False

    def feed(self, *items):
        for item in items:
            self.queue.put(item)

    def close(self, readers=1):
        for _ in range(readers):
            self.queue.put(StopIteration)

    def __iter__(self):
        return iter(self.queue.get, StopIteration)


def window(iterable, n):
    it = iter(iterable)
    buf = list(itertools.islice(it, n))
    yield tuple(buf)
    for x in it:
        buf = buf[1:] + [x]
        yield tuple(buf)


def reader(source, out):
    for item in source:
        out.append(item)
        eventlet.sleep(0)


def averages(source):
    return [sum(w) / len(w) for w in window(source, 3)]


def slow_feed(source):
    for n in range(6):
        eventlet.sleep(0.002)
        source.feed(n)
    source.close()


source = Source()
a, b = [], []
gts = [eventlet.spawn(reader, source, a), eventlet.spawn(reader, source, b)]
source.feed(*range(6))
source.close(2)
for gt in gts:
    gt.wait()
print(sorted(a + b), len(a) == len(b))
other = Source()
avg = eventlet.spawn(averages, other)
eventlet.spawn_n(slow_feed, other)
print(avg.wait())
