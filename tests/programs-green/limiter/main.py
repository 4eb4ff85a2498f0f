# moves: fully
"""Limits by semaphores, and who gets one next."""

import gevent
from gevent.lock import Semaphore, DummySemaphore


class Limiter:
    def __init__(self, most):
        self.slots = Semaphore(most) if most else DummySemaphore()
        self.running = 0
        self.peak = 0


    def run(self, function, *args):
        with self.slots:
            self.running += 1
            self.peak = max(self.peak, self.running)
            try:
                return function(*args)
            finally:
                self.running -= 1


def fetch(n):
    gevent.sleep(0.002)
    return n * n


def tight(sem, name, out):
    for turn in range(3):
        with sem:
            out.append((name, turn))
            gevent.sleep(0)


def impatient(sem, out):
    if sem.acquire(timeout=0.01):
        out.append("got it")
        sem.release()
    else:
        out.append("gave up")
    out.append(sem.acquire(blocking=False))


def main():
    for most in (2, 0):
        limiter = Limiter(most)
        jobs = [gevent.spawn(limiter.run, fetch, n) for n in range(6)]
        gevent.joinall(jobs)
        print(most, [job.value for job in jobs], limiter.peak)
    sem, out = Semaphore(1), []
    gevent.joinall([gevent.spawn(tight, sem, name, out) for name in "ab"])
    print(out)
    print(sem.counter, sem.locked())
    with sem:
        out = []
        gevent.spawn(impatient, sem, out).join()
        print(out)
    print(sem.release())


if __name__ == "__main__":
    main()
