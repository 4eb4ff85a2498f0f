# moves: fully
import gevent
from gevent import Greenlet
from gevent.pool import Pool


class Job(Greenlet):
    count = 0

    def __init__(self, work, *args):
        super().__init__()
        Job.count += 1
        self.number = Job.count
        self.work = work
        self.args_ = args

    def _run(self):
        print("job", self.number, "runs")
        return self.work(*self.args_)


class Manager:
    def __init__(self, limit):
        self.pool = Pool(limit)
        self.results = {}

    def submit(self, work, *args):
        job = Job(work, *args)
        job.link(self._done)
        self.pool.start(job)
        return job

    def _done(self, job):
        if job.successful():
            self.results[job.number] = job.value
        else:
            self.results[job.number] = repr(job.exception)

    def wait(self):
        self.pool.join()


def add(a, b):
    gevent.sleep(0.02)
    return a + b


def fail():
    gevent.sleep(0.01)
    raise KeyError("lost")


def main():
    manager = Manager(2)
    for args in ((1, 2), (3, 4), (5, 6)):
        manager.submit(add, *args)
        print("running", len(manager.pool))
    manager.submit(fail)
    manager.wait()
    print(sorted(manager.results.items()))


if __name__ == "__main__":
    main()
