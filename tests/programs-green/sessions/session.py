from contextlib import contextmanager

import gevent


class Session:
    def __init__(self, name):
        self.name = name

    def connect(self):
        gevent.sleep(0.001)
        print("connected", self.name)

    def __enter__(self):
        self.connect()
        return self

    def __exit__(self, kind, error, tb):
        gevent.sleep(0)
        print("closed", self.name, kind.__name__ if kind else None)
        return False


class Nested(Session):
    def __enter__(self):
        print("nested")
        return super().__enter__()


@contextmanager
def span(name):
    gevent.sleep(0.001)
    print("begin", name)
    try:
        yield name
    finally:
        print("end", name)
