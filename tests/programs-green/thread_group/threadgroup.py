import logging

import eventlet
from eventlet import greenpool

import loopingcall

LOG = logging.getLogger(__name__)


def _on_thread_done(_greenthread, group, thread):
    """Callback function to be passed to GreenThread.link() when we spawn()."""
    group.thread_done(thread)


class Thread(object):
    """Wrapper around a greenthread."""

    def __init__(self, thread, group):
        self.thread = thread
        self.group = group

    def link_to_group(self):
        self.thread.link(_on_thread_done, self.group, self)

    def stop(self):
        self.thread.kill()

    def wait(self):
        return self.thread.wait()

    def link(self, func, *args, **kwargs):
        self.thread.link(func, *args, **kwargs)


class ThreadGroup(object):
    def __init__(self, thread_pool_size=10):
        self.pool = greenpool.GreenPool(thread_pool_size)
        self.threads = []
        self.timers = []

    def add_timer(self, interval, callback, *args, **kwargs):
        pulse = loopingcall.FixedIntervalLoopingCall(callback, *args, **kwargs)
        pulse.start(interval=interval)
        self.timers.append(pulse)
        return pulse

    def add_thread(self, callback, *args, **kwargs):
        gt = self.pool.spawn(callback, *args, **kwargs)
        th = Thread(gt, self)
        self.threads.append(th)
        th.link_to_group()
        return th

    def thread_done(self, thread):
        self.threads.remove(thread)

    def _stop_threads(self):
        for thread in self.threads[:]:
            try:
                thread.stop()
            except Exception:
                LOG.exception("Error stopping thread.")

    def stop(self):
        self._stop_threads()
        for timer in self.timers:
            timer.stop()
        self.timers = []

    def wait(self):
        for timer in self.timers:
            timer.wait()
        for thread in self.threads[:]:
            thread.wait()
