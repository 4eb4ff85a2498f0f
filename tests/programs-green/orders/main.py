# moves: fully
"""What runs before what: of green threads that share events, semaphores, queues, results and pools."""

import gevent
from gevent.event import Event, AsyncResult
from gevent.lock import Semaphore
from gevent.queue import Queue
from gevent.pool import Pool

def show(*a):
    print(*a)

def sleeps():
    def w(n):
        for i in range(3):
            show("s", n, i)
            gevent.sleep(0)
    gevent.joinall([gevent.spawn(w, n) for n in range(3)])

def events():
    e = Event()
    def w(n):
        show("wait", n)
        e.wait()
        show("woke", n)
    gs = [gevent.spawn(w, n) for n in range(3)]
    gevent.sleep(0)
    show("set")
    e.set()
    show("after set")
    gevent.joinall(gs)
    show("joined")

def sems():
    s = Semaphore(1)
    def w(n):
        for i in range(2):
            with s:
                show("in", n, i)
                gevent.sleep(0)
            show("out", n, i)
    gevent.joinall([gevent.spawn(w, n) for n in range(3)])

def queues():
    q = Queue(1)
    def put(n):
        for i in range(3):
            q.put((n, i))
            show("put", n, i)
    def get():
        for _ in range(6):
            show("got", q.get())
    gevent.joinall([gevent.spawn(put, 0), gevent.spawn(put, 1), gevent.spawn(get)])

def links():
    def f():
        show("run")
        return 1
    g = gevent.spawn(f)
    g.link(lambda g: show("link 1", g.value))
    g.link(lambda g: show("link 2", g.value))
    show("before join")
    g.join()
    show("after join")
    gevent.sleep(0)
    show("after sleep")

def results():
    r = AsyncResult()
    def w(n):
        show("res", n, r.get())
    gs = [gevent.spawn(w, n) for n in range(2)]
    gevent.sleep(0)
    r.set("x")
    show("set done")
    gevent.joinall(gs)

def pools():
    p = Pool(2)
    def w(n):
        show("begin", n)
        gevent.sleep(0)
        show("end", n)
    for n in range(4):
        show("spawn", n)
        p.spawn(w, n)
    p.join()
    show("pool done", list(p.imap_unordered(lambda n: n * 2, range(3))))

def kills():
    def w(n):
        try:
            gevent.sleep(10)
        finally:
            show("final", n)
    gs = [gevent.spawn(w, n) for n in range(3)]
    gevent.sleep(0.01)
    gevent.killall(gs)
    show("killed")

def nested():
    def inner(n):
        show("inner", n)
        return n
    def outer(n):
        show("outer", n)
        g = gevent.spawn(inner, n)
        show("spawned", n)
        return g.get()
    gs = [gevent.spawn(outer, n) for n in range(2)]
    show([g.get() for g in gs])

for f in (sleeps, events, sems, queues, links, results, pools, kills, nested):
    print("--", f.__name__)
    f()
