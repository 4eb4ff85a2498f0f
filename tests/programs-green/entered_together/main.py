# moves: fully
import contextlib
import gevent
from gevent.lock import Semaphore, RLock


class Conn:
    def __enter__(self):
        gevent.sleep(0)
        return self

    def __exit__(self, *exc):
        gevent.sleep(0)
        print("left")


sem = Semaphore(1)
with sem, Conn() as c, contextlib.suppress(OSError):
    print(sem.locked())
    raise OSError
print(sem.locked())
with open("/dev/null") as f, sem, Conn():
    print(f.read() == "", sem.locked())
with sem, Conn():
    print("both")
