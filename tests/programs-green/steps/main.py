# moves: fully
"""Plugin steps from a queue of objects with a shared interface."""
import gevent
import gevent.pool
from gevent.queue import JoinableQueue


class Step:
    def execute(self, ctx):
        raise NotImplementedError


class Sleep(Step):
    def __init__(self, seconds):
        self.seconds = seconds

    def execute(self, ctx):
        gevent.sleep(self.seconds)
        ctx["log"].append("slept")


class Compute(Step):
    def execute(self, ctx):
        ctx["log"].append("computed")


class Nested(Step):
    def __init__(self, *steps):
        self.steps = steps

    def execute(self, ctx):
        for step in self.steps:
            step.execute(ctx)
        ctx["log"].append("nested")


def worker(q, ctx):
    while True:
        step = q.get()
        try:
            step.execute(ctx)
        finally:
            q.task_done()


def main():
    ctx = {"log": []}
    q = JoinableQueue()
    pool = gevent.pool.Pool(1)
    pool.spawn(worker, q, ctx)
    q.put(Sleep(0.001))
    q.put(Compute())
    q.put(Nested(Compute(), Sleep(0)))
    q.join()
    pool.kill()
    print(ctx["log"])


main()
