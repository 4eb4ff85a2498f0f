# moves: fully
"""All that is used is made by functions that wait themselves."""

from gevent import monkey

monkey.patch_all()

import subprocess
import sys

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import Semaphore
from gevent.pool import Pool
from gevent.queue import Queue


def later(value):
    gevent.sleep(0.001)
    return value


def work(n=1):
    gevent.sleep(0.01)
    return n


def jobs():
    gevent.sleep(0.001)
    return [gevent.spawn(work, n) for n in (1, 2)]


def job():
    gevent.sleep(0.001)
    return gevent.spawn(work, 5)


def pool():
    gevent.sleep(0.001)
    return Pool(2)


def queue():
    gevent.sleep(0.001)
    q = Queue()
    q.put(1)
    q.put(StopIteration)
    return q


def lock():
    gevent.sleep(0.001)
    return Semaphore(1)


def event():
    gevent.sleep(0.001)
    e = Event()
    e.set()
    return e


def result():
    gevent.sleep(0.001)
    r = AsyncResult()
    r.set(4)
    return r


def child():
    gevent.sleep(0.001)
    return subprocess.Popen([sys.executable, "-c", "print('a')\nprint('b')"], stdout=subprocess.PIPE)


def main():
    print(len(gevent.joinall(jobs())), [g.value for g in gevent.joinall(jobs())])
    print(sorted(g.value for g in gevent.iwait(jobs())), len(gevent.wait(jobs())))
    gevent.killall(jobs())
    print(job().get(), job().join(), job().ready())
    started = job()
    started.join()
    print(started.value, started.successful())
    job().kill()
    print(pool().map(work, later([1, 2])), pool().apply(work, (3,)), pool().spawn(work, 2).get())
    print(len(pool()), pool().free_count(), list(pool().imap(work, later([3]))))
    for item in queue():
        print("item", item)
    print(list(queue()), queue().get(), queue().qsize(), queue().empty())
    with lock():
        print("locked", lock().locked())
    print(event().wait(), event().is_set(), event().wait(later(1)))
    print(result().get(), result().value, result().ready())
    with gevent.Timeout(later(1)):
        gevent.sleep(later(0.001))
    print(gevent.with_timeout(later(1), work, later(3)))
    print(gevent.spawn(later(work), later(8)).get(), gevent.spawn_later(later(0.01), work).get())
    print([line for line in child().stdout], child().wait(), child().communicate()[0])
    print(child().stdout.read())
    for line in child().stdout:
        print(line)
    print([x for x in queue()])


if __name__ == "__main__":
    main()
