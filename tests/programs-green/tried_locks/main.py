# moves: fully
from gevent import monkey
monkey.patch_all()
import threading
import gevent

lock = threading.Lock()
rlock = threading.RLock()
trace = []


def try_lock(n):
    if lock.acquire(blocking=False):
        try:
            gevent.sleep(0.01)
            trace.append("owner %d" % n)
        finally:
            lock.release()
    else:
        trace.append("busy %d" % n)
        if lock.acquire(timeout=1):
            trace.append("late %d" % n)
            lock.release()


gevent.joinall([gevent.spawn(try_lock, n) for n in range(3)])
print(trace, lock.locked())


def nested(depth):
    with rlock:
        if depth:
            gevent.sleep(0)
            return nested(depth - 1) + 1
        return 0


print(gevent.spawn(nested, 3).get())
try:
    lock.release()
except RuntimeError as error:
    print("RuntimeError")
print(lock.acquire(True, 0.01), lock.acquire(False), lock.acquire(timeout=0.01))
