# moves: no, code that can't be seen calls it
"""Functions that are made with `partial`, and a method that is called by its name."""

import functools
import operator
import gevent
from gevent.pool import Pool

def fetch(base, path, retries=1):
    gevent.sleep(0.01)
    return "%s/%s:%d" % (base, path, retries)

get = functools.partial(fetch, "http", retries=2)

class Client:
    def __init__(self, base):
        self.base = base
        self.get = functools.partial(fetch, base)
        self.handlers = {"get": self.get, "head": functools.partial(self.head, 1)}
    def head(self, n, path):
        gevent.sleep(0)
        return "head%d %s" % (n, path)
    post = functools.partialmethod(head, 5)

def main():
    print(get("a"))
    print(list(map(get, ["b", "c"])))
    c = Client("ftp")
    print(c.get("x"), c.handlers["head"]("y"), c.handlers["get"]("z", retries=7))
    print(c.post("w"))
    pool = Pool(2)
    print(pool.map(functools.partial(fetch, "p"), ["1", "2"]))
    gs = [gevent.spawn(functools.partial(c.head, 2), "q"), gevent.spawn(get, "r")]
    gevent.joinall(gs)
    print([g.value for g in gs])
    print(sorted(["bb", "a"], key=functools.partial(rank, 1)))
    f = get
    for _ in range(2):
        f = functools.partial(f)
    print(f("deep"))
    call = operator.methodcaller("head", 3, "m")
    print(call(c))

def rank(k, s):
    gevent.sleep(0)
    return len(s) * k

main()
