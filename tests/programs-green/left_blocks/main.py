# moves: fully
"""Blocks that timeouts cut short, over objects that look at how they are left."""

import eventlet
from eventlet.timeout import Timeout


class Transaction:
    def __init__(self, name, forgives=None):
        self.name = name
        self.forgives = forgives

    def __enter__(self):
        print("begin", self.name)
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            print("commit", self.name)
        else:
            print("roll back", self.name, isinstance(error, Timeout), error)
        return self.forgives is not None and kind is self.forgives


def work(seconds):
    eventlet.sleep(seconds)
    return seconds


def main():
    with Timeout(0.5), Transaction("quick"):
        print(work(0.01))
    with Timeout(0.02, KeyError("key")), Transaction("forgiven", KeyError):
        work(5)
    with Timeout(0.02, False):
        with Transaction("silent"):
            work(5)
    try:
        with Timeout(0.02) as timeout:
            with Transaction("late"):
                work(5)
    except Timeout as error:
        print(error is timeout)


main()
