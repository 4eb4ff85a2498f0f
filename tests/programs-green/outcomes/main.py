# moves: fully
"""Green threads of a class of their own, and callbacks that wait and are made with `partial`."""

import gevent
from gevent import Greenlet
from functools import partial

log = []

class Worker(Greenlet):
    def __init__(self, name, fail=False):
        super().__init__()
        self.name_ = name
        self.fail = fail
        self.link_value(self.good)
        self.link_exception(self.bad)
    def _run(self):
        gevent.sleep(0.01)
        if self.fail:
            raise KeyError(self.name_)
        return self.name_.upper()
    def good(self, g):
        log.append(("good", g.value, g is self))
    def bad(self, g):
        log.append(("bad", repr(g.exception), g.successful()))
    def __str__(self):
        return "Worker<%s>" % self.name_

def on_end(tag, g):
    gevent.sleep(0.01)
    log.append((tag, g.ready()))

def main():
    gevent.get_hub().exception_stream = None
    a = Worker("a")
    b = Worker("b", fail=True)
    a.link(partial(on_end, "end a"))
    b.link(partial(on_end, "end b"))
    a.start()
    b.start()
    print(str(a), bool(a), a.started)
    gevent.joinall([a, b])
    gevent.sleep(0.05)
    for line in log:
        print(line)
    try:
        b.get()
    except KeyError as e:
        print("get", e)
    print(a.get(), a.value, b.value, b.exception.args)
    c = gevent.spawn(lambda: 1 / 0)
    c.join()
    print(type(c.exception).__name__)

main()
