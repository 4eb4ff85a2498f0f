# moves: fully
from gevent import monkey
monkey.patch_all()
import threading
import time
from collections import deque


class BoundedBuffer:
    def __init__(self, size):
        self.size = size
        self.items = deque()
        self.lock = threading.Lock()
        self.not_empty = threading.Condition(self.lock)
        self.not_full = threading.Condition(self.lock)

    def put(self, item):
        with self.not_full:
            while len(self.items) >= self.size:
                self.not_full.wait()
            self.items.append(item)
            self.not_empty.notify()

    def get(self):
        with self.not_empty:
            while not self.items:
                self.not_empty.wait()
            item = self.items.popleft()
            self.not_full.notify()
            return item


buffer = BoundedBuffer(2)
out = []


def producer():
    for n in range(6):
        buffer.put(n)
    buffer.put(None)


def consumer():
    while True:
        item = buffer.get()
        if item is None:
            break
        time.sleep(0.005)
        out.append(item)


threads = [threading.Thread(target=producer), threading.Thread(target=consumer)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(out)
timer = threading.Timer(0.02, out.append, args=["timer"])
timer.start()
timer.join()
print(out[-1], threading.current_thread().name)
