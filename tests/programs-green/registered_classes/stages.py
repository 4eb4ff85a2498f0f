import abc

import gevent
from gevent.queue import Queue

_known = {}


class Registering(abc.ABCMeta):
    def __new__(mcs, name, bases, namespace):
        cls = super().__new__(mcs, name, bases, namespace)
        if cls.name:
            _known[cls.name] = cls
        return cls


class Stage(metaclass=Registering):
    name = None

    @abc.abstractmethod
    def main(self, rounds):
        """Runs so many rounds."""


class Count(Stage):
    name = "count"

    def __init__(self):
        self.seen = []

    def main(self, rounds):
        for number in range(rounds):
            gevent.sleep(0.01)
            self.seen.append(number)
        return len(self.seen)


class Pass(Stage):
    name = "pass"

    def __init__(self):
        self.queue = Queue()

    def main(self, rounds):
        gevent.spawn(self.fill, rounds)
        return [self.queue.get() for _ in range(rounds)]

    def fill(self, rounds):
        for number in range(rounds):
            gevent.sleep(0.01)
            self.queue.put(number * number)


def create(name):
    return _known[name]()


def names():
    return sorted(_known)
