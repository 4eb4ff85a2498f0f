import gevent
from gevent.lock import RLock


def load(key):
    gevent.sleep(0.05)
    return f"loaded {key}"


def size(text):
    return len(text)


HANDLERS = {"load": load, "size": size}


class Remote:
    timeout = 0.05

    def fetch(self, key):
        gevent.sleep(self.timeout)
        return f"remote {key}"

    @classmethod
    def make(cls):
        gevent.sleep(0.01)
        return cls()

    @staticmethod
    def ping(host):
        gevent.sleep(0.01)
        return f"pong {host}"


class Store:
    def __init__(self, remote=None, hook=None):
        self.remote = remote or Remote()
        self.hook = hook
        self.lock = RLock()

    def get(self, key):
        with self.lock:
            value = self.remote.fetch(key)
        if self.hook:
            self.hook(key, value)
        return value

    def handle(self, name, *args):
        return HANDLERS[name](*args)

    def local(self, key):
        return load(key)
