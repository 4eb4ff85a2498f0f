class Item:
    def use(self):
        pass

def produce():
    for _ in range(2):
        yield Item()

def relay():
    yield from produce()

def transform(items):
    for item in items:
        item.use()
        yield wrap(item)

class Wrapped:
    def __init__(self, item):
        self.item = item

    def open(self):
        return self.item

def wrap(item):
    return Wrapped(item)

for w in transform(relay()):
    w.open().use()
it = produce()
next(it).use()

def consumer():
    while True:
        fn = yield
        if fn is None:
            return
        fn()

def cb():
    pass

c = consumer()
next(c)
c.send(cb)

def result():
    x = yield 1
    return Item()

def outer():
    v = yield from result()
    v.use()

list(outer())
