import abc

import eventlet
from eventlet.queue import Queue


class Stage(abc.ABC):
    """A step of a line. What it makes of an item it gives at once, or one after the other."""

    def __init__(self):
        self.inbox = Queue(2)
        self.next = None

    def __or__(self, other):
        last = self
        while last.next is not None:
            last = last.next
        last.next = other
        return self

    def start(self, pool):
        pool.spawn(self._run)
        if self.next is not None:
            self.next.start(pool)

    def _run(self):
        for item in self.items():
            for out in self.process(item):
                self.emit(out)
        for out in self.finish():
            self.emit(out)
        if self.next is not None:
            self.next.inbox.put(None)

    def items(self):
        while True:
            item = self.inbox.get()
            if item is None:
                return
            yield item

    def emit(self, item):
        if self.next is not None:
            self.next.inbox.put(item)

    def finish(self):
        return ()

    @abc.abstractmethod
    def process(self, item): ...


class Map(Stage):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def process(self, item):
        yield self.function(item)


class Doubled(Stage):
    def process(self, item):
        yield item
        yield item


class Batch(Stage):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.held = []

    def process(self, item):
        self.held.append(item)
        if len(self.held) == self.size:
            held, self.held = self.held, []
            yield held

    def finish(self):
        if self.held:
            eventlet.sleep(0.01)
            yield self.held


class Collect(Stage):
    def __init__(self):
        super().__init__()
        self.seen = []

    def process(self, item):
        self.seen.append(item)
        return ()


class Missing(Stage):
    def process(self, item):
        return super().process(item) or []
