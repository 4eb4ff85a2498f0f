from collections import defaultdict
from eventlet.queue import Queue


class Broker:
    def __init__(self):
        self._subs = defaultdict(list)

    def subscribe(self, topic, queue):
        self._subs[topic].append(queue)

    def unsubscribe(self, queue):
        for queues in self._subs.values():
            if queue in queues:
                queues.remove(queue)

    def publish(self, topic, message):
        for q in self._subs[topic]:
            q.put((topic, message))

    def topics(self):
        return {t: len(qs) for t, qs in sorted(self._subs.items())}


class Subscriber:
    def __init__(self, broker, *topics, maxsize=None):
        self.broker = broker
        self.queue = Queue(maxsize)
        for t in topics:
            broker.subscribe(t, self.queue)

    def __iter__(self):
        return self

    def __next__(self):
        item = self.queue.get()
        if item is None:
            raise StopIteration
        return item

    def close(self):
        self.broker.unsubscribe(self.queue)


class Publisher:
    def __init__(self, broker):
        self.broker = broker
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        print("published", self.sent)

    def send(self, topic, message):
        self.sent += 1
        self.broker.publish(topic, message)
