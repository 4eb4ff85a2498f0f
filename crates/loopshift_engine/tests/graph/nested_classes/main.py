class Outer:
    class Inner:
        def __init__(self, o):
            self.o = o

        def back(self):
            return self.o.ping()

        class Deep:
            def dig(self):
                return 1

    def make(self):
        return Outer.Inner(self)

    def ping(self):
        return self.Inner.Deep().dig()

def factory():
    class Local(Outer):
        def ping(self):
            return super().ping()
    return Local

L = factory()
L().make().back()
Outer().make().back()
