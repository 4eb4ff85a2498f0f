def a(): return 1
def b(): return 2
def c(): return 3

def pair():
    return a, b

x, y = pair()
x()
(p, q), r = (a, b), c
q()
first, *mid, last = [a, b, b, c]
last()
mid[0]()
[m, n] = [c, a]
m()
for i, (f, g) in enumerate([(a, b)]):
    g()
swap1, swap2 = a, c
swap1, swap2 = swap2, swap1
swap1()
d = dict(zip(["k"], [b]))
d["k"]()
(w := a)()
