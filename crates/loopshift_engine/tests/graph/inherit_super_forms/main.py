class A:
    def go(self):
        return "A"

    @classmethod
    def build(cls):
        return cls()

class B(A):
    def go(self):
        return super(B, self).go() + "B"

    @classmethod
    def build(cls):
        obj = super().build()
        obj.setup()
        return obj

    def setup(self):
        A.go(self)

class C(A):
    def go(self):
        return super().go() + "C"

class D(B, C):
    def go(self):
        return super().go() + "D"

D().go()
B.build().go()
