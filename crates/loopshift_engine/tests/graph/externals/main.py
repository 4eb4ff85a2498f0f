import gevent as g
from gevent import pool
import gevent.queue
from gevent.event import Event as Ev
import os.path as osp
import requests

def work(): pass

def main():
    g.spawn(work)
    p = pool.Pool(3)
    p.spawn(work)
    q = gevent.queue.Queue()
    q.put(1)
    e = Ev()
    e.set()
    osp.join("a", "b")
    s = requests.Session()
    s.get("u").json()
    requests.get("u").raise_for_status()
    with gevent.Timeout(3) as t:
        t.cancel()

class Mine(pool.Pool):
    def extra(self):
        self.spawn(work)
        return self.join()

def later():
    Mine().extra()
