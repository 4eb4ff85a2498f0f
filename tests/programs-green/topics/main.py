# moves: fully
import gevent
from gevent.queue import Queue, Empty
from gevent.lock import RLock
from gevent.event import Event


class Topic:
    def __init__(self, name):
        self.name = name
        self._lock = RLock()
        self._subscribers = []

    def subscribe(self, maxsize=None):
        queue = Queue(maxsize)
        with self._lock:
            self._subscribers.append(queue)
        return queue

    def publish(self, message):
        with self._lock:
            subscribers = list(self._subscribers)
        for queue in subscribers:
            queue.put(message)


class Bus:
    def __init__(self):
        self.topics = {}

    def __getitem__(self, name):
        if name not in self.topics:
            self.topics[name] = Topic(name)
        return self.topics[name]


def listen(name, queue, stop, log):
    while not stop.is_set():
        try:
            message = queue.get(timeout=0.02)
        except Empty:
            continue
        log.append((name, message))


bus = Bus()
stop = Event()
log = []
readers = [
    gevent.spawn(listen, "a", bus["news"].subscribe(), stop, log),
    gevent.spawn(listen, "b", bus["news"].subscribe(2), stop, log),
    gevent.spawn(listen, "c", bus["sport"].subscribe(), stop, log),
]
for n in range(3):
    bus["news"].publish("n%d" % n)
bus["sport"].publish("goal")
gevent.sleep(0.05)
stop.set()
gevent.joinall(readers)
for entry in sorted(log):
    print(*entry)
print(all(reader.successful() for reader in readers))
