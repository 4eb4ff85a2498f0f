# moves: fully
"""Properties that wait and derive from each other, and classes that are found by their metaclass."""

import gevent
from gevent.event import Event
import functools
import weakref

class Lazy:
    def __init__(self):
        self._value = None
        self.loads = 0
    @property
    def value(self):
        if self._value is None:
            self.loads += 1
            gevent.sleep(0.01)
            self._value = 42
        return self._value
    @functools.cached_property
    def name(self):
        return "lazy"
    def __call__(self, x):
        gevent.sleep(0)
        return self.value + x
    def __getitem__(self, key):
        return key * 2
    def __eq__(self, other):
        return isinstance(other, Lazy)
    def __hash__(self):
        return 1
    def __bool__(self):
        return self._value is not None
    def __repr__(self):
        return "Lazy(%s)" % self._value

class Sub(Lazy):
    @property
    def value(self):
        return super().value + 1

class Meta(type):
    registry = {}
    def __new__(mcs, name, bases, ns):
        cls = super().__new__(mcs, name, bases, ns)
        mcs.registry[name] = cls
        return cls

class Plugin(metaclass=Meta):
    def run(self):
        gevent.sleep(0)
        return type(self).__name__

class Other(Plugin):
    def run(self):
        return "other " + super().run()

class Reg:
    plugins = []
    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        Reg.plugins.append(cls)

class One(Reg):
    def go(self):
        gevent.sleep(0.001)
        return 1

class Two(Reg):
    def go(self):
        return 2

def main():
    l = Lazy()
    print(bool(l), l.value, l.loads, l(1), bool(l), l)
    print(Sub().value, l.name, l == Lazy())
    print([Lazy()[k] for k in ("a", 2)])
    print([c().run() for c in Meta.registry.values()])
    print([c().go() for c in Reg.plugins])
    f = l
    print(f(2), callable(f))
    call = functools.partial(l, 5)
    print(call())

main()
