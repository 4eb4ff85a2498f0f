class Proxy:
    def __init__(self, target):
        self._target = target

    def __getattr__(self, name):
        log(name)
        return getattr(self._target, name)

class Real:
    def work(self):
        pass

    def rest(self):
        pass

def log(name):
    pass

p = Proxy(Real())
p.work()
p.rest()

class Lazy:
    def __getattribute__(self, name):
        return object.__getattribute__(self, name)

    def hello(self):
        pass

Lazy().hello()

class Setter:
    def __setattr__(self, name, value):
        log(name)
        super().__setattr__(name, value)

s = Setter()
s.x = 1
fn = getattr(Real(), "work")
fn()
getattr(Real(), "nope", log)("x")
setattr(s, "hook", log)
s.hook("z")
