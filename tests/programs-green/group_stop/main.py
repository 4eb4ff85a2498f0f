# moves: fully
import eventlet
import greenlet
from eventlet import greenpool, greenthread, corolocal


class Thread:
    def __init__(self, thread, group):
        self.thread = thread
        self.thread.link(_on_thread_done, group=group, thread=self)
        self.args = None

    def stop(self):
        self.thread.kill()

    def wait(self):
        return self.thread.wait()

    def link(self, func, *args, **kwargs):
        self.thread.link(func, *args, **kwargs)


def _on_thread_done(_greenthread, group, thread):
    group.thread_done(thread)


class ThreadGroup:
    def __init__(self, thread_pool_size=10):
        self.pool = greenpool.GreenPool(thread_pool_size)
        self.threads = []

    def add_thread(self, callback, *args, **kwargs):
        gt = self.pool.spawn(callback, *args, **kwargs)
        th = Thread(gt, self)
        self.threads.append(th)
        return th

    def thread_done(self, thread):
        self.threads.remove(thread)

    def stop(self):
        current = greenthread.getcurrent()
        for x in self.threads[:]:
            if x.thread is current:
                continue
            x.stop()

    def wait(self):
        for x in self.threads[:]:
            try:
                x.wait()
            except greenlet.GreenletExit:
                pass


results = []


def job(name, seconds):
    try:
        eventlet.sleep(seconds)
        results.append(name)
    finally:
        results.append("end " + name)


tg = ThreadGroup()
tg.add_thread(job, "short", 0.01)
tg.add_thread(job, "long", 5)
eventlet.sleep(0.05)
print(len(tg.threads), results)
tg.stop()
tg.wait()
print(len(tg.threads), results)
