# moves: fully
"""Stages of workers between queues, with a pool for each stage."""
import gevent
from gevent.pool import Group, Pool
from gevent.queue import Queue

STOP = object()


class Stage:
    def __init__(self, name, function, workers, source, sink):
        self.name = name
        self.function = function
        self.group = Group()
        self.source = source
        self.sink = sink
        self.workers = workers
        self.count = 0

    def start(self):
        for n in range(self.workers):
            self.group.spawn(self._work, n)

    def _work(self, n):
        while True:
            item = self.source.get()
            if item is STOP:
                self.source.put(STOP)
                return
            self.sink.put(self.function(item))
            self.count += 1

    def finish(self):
        self.source.put(STOP)
        self.group.join()


def parse(text):
    gevent.sleep(0.01)
    return int(text)


def square(n):
    gevent.sleep(0.02)
    return n * n


def main():
    a, b, c = Queue(), Queue(), Queue()
    stages = [Stage("parse", parse, 2, a, b), Stage("square", square, 3, b, c)]
    for stage in stages:
        stage.start()
    for n in range(8):
        a.put(str(n))
    for stage in stages:
        stage.finish()
        print(stage.name, stage.count, len(stage.group))
    out = []
    while not c.empty():
        out.append(c.get())
    print(sorted(out))
    pool = Pool(4)
    totals = pool.map(lambda pair: pair[0] * pair[1], [(1, 2), (3, 4)])
    print(totals)


if __name__ == "__main__":
    main()
