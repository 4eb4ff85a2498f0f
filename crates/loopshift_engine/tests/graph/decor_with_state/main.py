class CountCalls:
    def __init__(self, fn):
        self.fn = fn
        self.n = 0

    def __call__(self, *a, **k):
        self.n += 1
        self.report()
        return self.fn(*a, **k)

    def report(self):
        pass

    def __get__(self, obj, owner):
        import functools
        return functools.partial(self, obj)

class Box:
    @CountCalls
    def open(self):
        return self.inner()

    def inner(self):
        return 1

@CountCalls
def plain():
    pass

plain()
Box().open()
