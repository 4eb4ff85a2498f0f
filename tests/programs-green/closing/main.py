# moves: no, calls it and does not await it
import contextlib
import gevent
from gevent.lock import Semaphore


class Conn:
    def __init__(self, n):
        self.n = n

    def close(self):
        gevent.sleep(0.001)
        print("close", self.n)

    def __enter__(self):
        gevent.sleep(0)
        print("enter", self.n)
        return self

    def __exit__(self, *exc):
        self.close()
        return exc[0] is KeyError


with contextlib.ExitStack() as stack:
    for n in range(2):
        stack.enter_context(Conn(n))
    stack.callback(print, "callback")
    print("inside")
with contextlib.closing(Conn(5)) as c:
    print(c.n)
with contextlib.suppress(ValueError):
    with Conn(6):
        raise ValueError
with Conn(7):
    raise KeyError
sem = Semaphore(1)
with sem, Conn(8) as c, contextlib.suppress(OSError):
    print(sem.locked(), c.n)
    raise OSError
print(sem.locked())
