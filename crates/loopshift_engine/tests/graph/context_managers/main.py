from contextlib import contextmanager, closing

class Res:
    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *exc):
        self.close()

    def open(self):
        pass

    def close(self):
        pass

    def use(self):
        pass

class Factory:
    def __enter__(self):
        return Res()

    def __exit__(self, a, b, c):
        return False

@contextmanager
def managed(name):
    r = setup(name)
    try:
        yield r
    finally:
        r.close()

def setup(name):
    return Res()

with Res() as r:
    r.use()
with Factory() as f, Res() as g:
    f.use()
    g.use()
with managed("x") as m:
    m.use()
with closing(Res()) as c:
    c.use()
with (Res() as one, managed("y") as two):
    one.use()
    two.use()
