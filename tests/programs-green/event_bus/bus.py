import collections

import gevent
from gevent.pool import Pool


def subscribe(topic):
    def mark(method):
        method.topic = topic
        return method
    return mark


class EventBus:
    def __init__(self, size=20):
        self.handlers = collections.defaultdict(list)
        self.pool = Pool(size)
        self.failures = []

    def register(self, owner):
        for name in dir(owner):
            method = getattr(owner, name)
            topic = getattr(method, "topic", None)
            if topic is not None:
                self.handlers[topic].append(method)

    def publish(self, topic, **payload):
        for handler in self.handlers[topic]:
            self.pool.spawn(self._deliver, handler, payload)

    def _deliver(self, handler, payload):
        try:
            handler(**payload)
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {error}")

    def drain(self):
        self.pool.join()
