import copy

class P:
    def __init__(self): self.parts = [Q()]
    def clone(self): return copy.copy(self)
    def go(self):
        for q in self.parts: q.act()

class Q:
    def act(self): pass
    def __copy__(self): return Q()
    def __deepcopy__(self, memo): return Q()

p = P()
p.clone().go()
copy.deepcopy(p).go()
copy.copy(Q()).act()
xs = p.parts.copy()
xs[0].act()
ys = list(p.parts)
ys[0].act()
zs = p.parts[:]
zs[0].act()
d = {"q": Q()}
d.copy()["q"].act()
