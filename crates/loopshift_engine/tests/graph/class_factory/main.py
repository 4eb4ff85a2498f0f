class A:
    def go(self): return 1

class B:
    def go(self): return 2

def choose(flag):
    return A if flag else B

def build(cls, *args):
    return cls(*args)

choose(True)().go()
build(B).go()
REG = {"a": A, "b": B}
REG["a"]().go()
for cls in (A, B):
    cls().go()
objs = [cls() for cls in REG.values()]
objs[0].go()
Dyn = type("Dyn", (A,), {})
def by_name(name):
    return globals()[name]()
by_name("A")
