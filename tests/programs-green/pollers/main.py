# moves: fully
import gevent
from gevent import monkey
monkey.patch_all()
import time
import logging

log = logging.getLogger("x")
STATE = {"n": 0}


class Poller(object):
    interval = 0.005

    def __init__(self, source):
        self.source = source
        self.values = []
        self.greenlet = gevent.spawn(self.poll)

    def poll(self):
        for value in self.source():
            self.values.append(value)
            time.sleep(self.interval)

    def wait(self):
        self.greenlet.join()
        return self


def source():
    for n in range(3):
        time.sleep(0.001)
        yield n


def main():
    p = Poller(source).wait()
    print(p.values)
    start = time.time()
    jobs = [gevent.spawn(lambda n=n: (time.sleep(0.01), n)[1]) for n in range(3)]
    print([j.get() for j in jobs], time.time() - start < 0.5)


if __name__ == '__main__':
    main()
