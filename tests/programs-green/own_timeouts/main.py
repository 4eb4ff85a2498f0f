# moves: fully
"""Timeouts of the program's own, in context managers, and raised by hand."""

import contextlib
import gevent
from gevent import Timeout
from gevent.local import local


class Deadline(Timeout):
    def __init__(self, seconds, what):
        super().__init__(seconds)
        self.what = what


@contextlib.contextmanager
def deadline(seconds, fallback=None):
    timeout = Timeout(seconds)
    timeout.start()
    try:
        yield timeout
    except Timeout as t:
        if t is not timeout:
            raise
        print("deadline passed", fallback)
    finally:
        timeout.cancel()


def task(name, seconds):
    try:
        gevent.sleep(seconds)
    except Deadline as d:
        print(name, "missed", d.what)
        raise
    except Exception as error:
        print("never", error)
    return name


def swallow():
    try:
        gevent.sleep(1)
    except BaseException as error:
        print(type(error) is Timeout, isinstance(error, Timeout))
    return "swallowed"


def main():
    try:
        with Deadline(0.02, "the train"):
            task("ann", 1)
    except Timeout as t:
        print(isinstance(t, Deadline), t.seconds)
    with deadline(0.02, "plan b") as t:
        task("bob", 1)
    print(t.pending)
    with deadline(0.8) as t:
        print(t.pending, task("cat", 0.001))
    with Timeout(0.02):
        print(swallow())
    timeouts = [Timeout(s) for s in (0.5, 0.02)]
    for t in timeouts:
        t.start()
    try:
        gevent.sleep(1)
    except Timeout as t:
        print(timeouts.index(t))
    finally:
        for t in timeouts:
            t.close()
    try:
        raise Timeout(3)
    except Timeout as t:
        print("by hand", t)


if __name__ == "__main__":
    main()
