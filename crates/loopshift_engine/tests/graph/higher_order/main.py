from functools import reduce
import operator
import itertools

def inc(x): return x + 1
def even(x): return x % 2 == 0
def add(a, b): return a + b
def keyf(x): return -x

list(map(inc, [1, 2]))
list(filter(even, [1, 2]))
reduce(add, [1, 2, 3], 0)
sorted([2, 1], key=keyf)
max([1, 2], key=keyf)
[3, 1].sort(key=keyf)
for f in map(lambda n: inc, [1]):
    f(1)
def compose(*fns):
    def run(x):
        for fn in fns:
            x = fn(x)
        return x
    return run
compose(inc, keyf)(3)
def twice(f):
    return lambda x: f(f(x))
twice(inc)(1)
list(itertools.takewhile(even, [2, 3]))
any(even(x) for x in [1])
def make(n):
    def power(x):
        return x ** n
    return power
powers = [make(i) for i in range(3)]
powers[1](2)
