# moves: fully
import eventlet
eventlet.monkey_patch()
import threading
import time


class BoundedBuffer:
    def __init__(self, size):
        self.items = []
        self.size = size
        self.lock = threading.Lock()
        self.not_full = threading.Condition(self.lock)
        self.not_empty = threading.Condition(self.lock)

    def put(self, item):
        with self.not_full:
            while len(self.items) >= self.size:
                self.not_full.wait()
            self.items.append(item)
            self.not_empty.notify()

    def get(self, timeout=None):
        with self.not_empty:
            if not self.items:
                self.not_empty.wait(timeout)
            if not self.items:
                return None
            item = self.items.pop(0)
            self.not_full.notify()
            return item


def producer(buf, n, name):
    for i in range(n):
        buf.put((name, i))
        time.sleep(0.002)


def consumer(buf, out):
    while True:
        item = buf.get(timeout=0.1)
        if item is None:
            return
        out.append(item)


buf = BoundedBuffer(2)
out = []
threads = [threading.Thread(target=producer, args=(buf, 4, n)) for n in "ab"]
threads.append(threading.Thread(target=consumer, kwargs={"buf": buf, "out": out}))
[t.start() for t in threads]
[t.join() for t in threads]
print(sorted(out))
print([x for x in out if x[0] == "a"])
barrier = threading.Event()
seen = []


def waiter(n):
    seen.append((n, barrier.wait(0.01)))
    barrier.wait()
    seen.append((n, "go"))


ts = [threading.Thread(target=waiter, args=(n,)) for n in range(2)]
for t in ts:
    t.start()
time.sleep(0.03)
barrier.set()
for t in ts:
    t.join()
print(sorted(seen, key=str))
