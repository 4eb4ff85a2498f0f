class Math:
    def __init__(self, k):
        self.k = k
    def mul(self, x):
        return self.k * x
    @classmethod
    def unit(cls):
        return cls(1)
    @staticmethod
    def zero():
        return 0

m = Math(2)
f = m.mul
f(3)
g = Math.mul
g(m, 4)
list(map(m.mul, [1]))
make = Math.unit
make().mul(2)
ops = [m.mul, Math.zero]
ops[0](1)
ops[1]()
table = {"mul": Math.mul}
table["mul"](m, 1)
f.__self__.mul(1)
f.__func__(m, 2)
