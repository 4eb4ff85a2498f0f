# moves: fully
"""A daemon that reloads on SIGHUP and stops on SIGTERM."""
import os
import signal

import gevent
from gevent.event import Event


class Daemon:
    def __init__(self):
        self.stopping = Event()
        self.reloads = 0
        self.ticks = 0
        self.handlers = []

    def install(self):
        self.handlers.append(gevent.signal_handler(signal.SIGHUP, self.reload, "config"))
        self.handlers.append(gevent.signal_handler(signal.SIGHUP, self.reload, "caches"))
        self.handlers.append(gevent.signal_handler(signal.SIGTERM, self.stop))

    def uninstall(self):
        for handler in self.handlers:
            handler.cancel()
        del self.handlers[:]

    def reload(self, what):
        self.reloads += 1
        print("reload", what, self.reloads)

    def stop(self):
        print("stopping")
        self.stopping.set()

    def tick(self):
        self.ticks += 1

    def run(self):
        self.install()
        try:
            while not self.stopping.wait(timeout=0.01):
                self.tick()
        finally:
            self.uninstall()
        return self.ticks > 0


def driver():
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
        gevent.sleep(0.05)
        os.kill(os.getpid(), number)


def main():
    daemon = Daemon()
    job = gevent.spawn(daemon.run)
    gevent.spawn(driver)
    job.join(timeout=3)
    print("clean", job.value, daemon.reloads)


if __name__ == "__main__":
    main()
