# moves: fully
"""A group of green threads that tell when they end."""

import eventlet


class Group:
    def __init__(self):
        self.pool = eventlet.GreenPool(5)
        self.threads = []
        self.log = []

    def add(self, func, *args):
        gt = self.pool.spawn(func, *args)
        gt.link(self._done, func.__name__)
        self.threads.append(gt)
        return gt

    def _done(self, gt, name):
        self.threads.remove(gt)
        try:
            self.log.append((name, gt.wait()))
        except Exception as exc:
            self.log.append((name, repr(exc)))
        print("done", name, len(self.threads))

    def wait(self):
        while self.threads:
            eventlet.sleep(0.025)


def quick(n):
    print("quick", n)
    return n


def slow(n):
    eventlet.sleep(0.05)
    print("slow", n)
    return n


def bad(n):
    eventlet.sleep(0.1)
    raise KeyError(n)


def main():
    group = Group()
    group.add(quick, 1)
    group.add(slow, 2)
    group.add(slow, 3)
    group.add(bad, 4)
    group.wait()
    print(group.log)


main()
