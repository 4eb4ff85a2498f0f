class Adder:
    def __init__(self, n):
        self.n = n

    def __call__(self, x):
        return self.compute(x)

    def compute(self, x):
        return x + self.n

class Pipeline:
    def __init__(self, *stages):
        self.stages = stages

    def __call__(self, value):
        for stage in self.stages:
            value = stage(value)
        return value

def negate(x):
    return -x

add = Adder(1)
add(2)
p = Pipeline(add, negate, Adder(3))
p(5)
list(map(add, [1, 2]))
