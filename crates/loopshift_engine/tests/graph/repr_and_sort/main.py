from functools import total_ordering, cmp_to_key

@total_ordering
class V:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return self.n == o.n
    def __lt__(self, o): return self.less(o)
    def less(self, o): return self.n < o.n
    def __hash__(self): return hash(self.n)

def cmp(a, b): return a.n - b.n

vs = [V(2), V(1)]
sorted(vs)
sorted(vs, key=cmp_to_key(cmp))
vs.sort()
min(vs)
{V(1), V(2)}
V(1) == V(1)
V(1) != V(2)
sorted(vs, key=lambda v: v.less(V(1)))
