# moves: fully
import gevent
from gevent import Greenlet


class Worker(Greenlet):
    def __init__(self, label, steps):
        Greenlet.__init__(self)
        self.label = label
        self.steps = steps
        self.seen = []

    def _run(self):
        for step in range(self.steps):
            self.seen.append(step)
            self.note("step %d" % step)
            gevent.sleep(0.05)
        return sum(self.seen)

    def note(self, text):
        print(self.label, text)

    def __str__(self):
        return "Worker(%s)" % self.label


class Loud(Worker):
    def note(self, text):
        super().note(text.upper())


def main():
    workers = [Worker("a", 2), Loud("b", 3)]
    for worker in workers:
        worker.start()
    gevent.joinall(workers)
    for worker in workers:
        print(str(worker), worker.value, worker.seen, worker.successful(), worker.dead)
    late = Worker("c", 1)
    print(bool(late), late.ready())
    late.start_later(0.02)
    print(late.get())
    doomed = Worker("d", 100)
    doomed.start()
    gevent.sleep(0.125)
    doomed.kill()
    print(doomed.seen, doomed.ready(), isinstance(doomed.value, gevent.GreenletExit))
    plain = Greenlet(divmod, 7, 2)
    plain.start()
    plain.join()
    print(plain.value)


if __name__ == "__main__":
    main()
