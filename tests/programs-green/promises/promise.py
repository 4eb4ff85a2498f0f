import gevent
from gevent.event import AsyncResult


class Promise:
    def __init__(self, function=None, *args):
        self._result = AsyncResult()
        if function is not None:
            gevent.spawn(self._settle, function, *args)

    def _settle(self, function, *args):
        try:
            self._result.set(function(*args))
        except Exception as error:
            self._result.set_exception(error)

    @classmethod
    def resolved(cls, value):
        promise = cls()
        promise._result.set(value)
        return promise

    def then(self, function):
        return Promise(lambda: function(self.get()))

    def catch(self, kind, function):
        def run():
            try:
                return self.get()
            except kind as error:
                return function(error)
        return Promise(run)

    def get(self, timeout=None):
        return self._result.get(timeout=timeout)

    @property
    def ready(self):
        return self._result.ready()

    def __rshift__(self, function):
        return self.then(function)


def all_of(*promises):
    return Promise(lambda: [p.get() for p in promises])


def any_of(*promises):
    winner = AsyncResult()

    def watch(promise):
        value = promise.get()
        if not winner.ready():
            winner.set(value)

    for promise in promises:
        gevent.spawn(watch, promise)
    return winner.get()
