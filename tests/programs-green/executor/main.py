# moves: fully
"""Jobs are functions that go through a queue, some wait, some do not."""
import gevent
from gevent.queue import Queue, Empty
from gevent.event import AsyncResult


class Executor:
    def __init__(self, workers=2):
        self.jobs = Queue()
        self.workers = [gevent.spawn(self._work, n) for n in range(workers)]

    def _work(self, n):
        while True:
            job = self.jobs.get()
            if job is None:
                return
            fn, args, result = job
            try:
                result.set(fn(*args))
            except Exception as exc:
                result.set_exception(exc)

    def submit(self, fn, *args):
        result = AsyncResult()
        self.jobs.put((fn, args, result))
        return result

    def close(self):
        for _ in self.workers:
            self.jobs.put(None)
        gevent.joinall(self.workers)


def slow(x):
    gevent.sleep(0.01)
    return x * 2


def fast(x):
    return x + 1


def bad(x):
    gevent.sleep(0)
    raise ValueError("bad %s" % x)


def main():
    ex = Executor()
    results = [ex.submit(slow, 1), ex.submit(fast, 2), ex.submit(bad, 3)]
    for r in results:
        try:
            print(r.get(timeout=5))
        except ValueError as e:
            print("error", e)
    ex.close()
    print("closed")


if __name__ == "__main__":
    main()
