import gevent
from gevent.lock import Semaphore


class Store:
    def __init__(self, **values):
        self.values = values
        self.lock = Semaphore()
        self.reads = 0

    def __getitem__(self, key):
        with self.lock:
            gevent.sleep(0.05)
            self.reads += 1
            return self.values[key]

    def __setitem__(self, key, value):
        self.values[key] = value

    def __contains__(self, key):
        return key in self.values

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return iter(self.values)


class Loud(Store):
    def __getitem__(self, key):
        value = super().__getitem__(key)
        return f"{value}!"
