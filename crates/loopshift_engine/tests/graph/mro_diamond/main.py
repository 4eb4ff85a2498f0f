class Root:
    def __init__(self, **kw):
        self.kw = kw
    def ping(self): return "root"

class Left(Root):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.left()
    def left(self): pass
    def ping(self): return super().ping()

class Right(Root):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.right()
    def right(self): pass
    def ping(self): return super().ping()

class Both(Left, Right):
    def ping(self):
        return super().ping()

b = Both(a=1)
b.ping()
Left().ping()
