from contextlib import contextmanager

from gevent.event import AsyncResult
from gevent.queue import Queue


class Ticket:
    def __init__(self, name, args, kwargs):
        self.name, self.args, self.kwargs = name, args, kwargs
        self._result = AsyncResult()

    def done(self, value):
        self._result.set(value)

    def failed(self, error):
        self._result.set_exception(error)

    def wait(self, timeout=None):
        return self._result.get(timeout=timeout)


class Batch:
    def __init__(self):
        self.tickets = []

    def add(self, name, /, *args, **kwargs):
        self.tickets.append(Ticket(name, args, kwargs))


class Broker:
    def __init__(self, registry):
        self.registry = registry
        self.queue = Queue()
        self.closed = False

    @contextmanager
    def batch(self):
        batch = Batch()
        yield batch
        for ticket in batch.tickets:
            self.queue.put(ticket)

    def __iter__(self):
        return self

    def __next__(self):
        ticket = self.queue.get()
        if ticket is None:
            self.queue.put(None)
            raise StopIteration
        return ticket

    def close(self):
        self.closed = True
        self.queue.put(None)
