# moves: fully
"""Functions that are made of others, of which some wait."""

import gevent
from gevent.event import Event

def counter():
    n = 0
    def inc(by=1):
        nonlocal n
        gevent.sleep(0)
        n += by
        return n
    def value():
        return n
    return inc, value

def pipeline(*stages):
    def run(x):
        for s in stages:
            x = s(x)
        return x
    return run

def slow_double(x):
    gevent.sleep(0.005)
    return x * 2

def compose(f, g):
    return lambda x: f(g(x))

class Builder:
    def __init__(self):
        self.steps = []
    def then(self, f, *args):
        self.steps.append((f, args))
        return self
    def when(self, cond):
        self.steps.append((lambda x: x if cond(x) else None, ()))
        return self
    def run(self, x):
        for f, args in self.steps:
            x = f(x, *args)
        return x

def plus(x, n):
    return x + n

def slow_plus(x, n):
    gevent.sleep(0)
    return x + n

def even(x):
    gevent.sleep(0)
    return x % 2 == 0

def main():
    inc, value = counter()
    gevent.joinall([gevent.spawn(inc, i) for i in (1, 2, 3)])
    print(value(), inc())
    print(pipeline(slow_double, str)(4))
    print(compose(str, slow_double)(3), compose(slow_double, abs)(-3))
    print(Builder().then(plus, 1).then(slow_plus, 2).when(even).run(1))
    fs = [lambda i=i: slow_double(i) for i in range(3)]
    print([f() for f in fs])
    table = {"d": slow_double, "n": abs}
    print({k: f(-2) for k, f in table.items()})
    ops = [(slow_double, 1), (abs, -5)]
    print([f(x) for f, x in ops])
    result = (slow_double if value() > 100 else abs)(-1)
    print(result)

main()
