from typing import Optional, Dict

class A:
    def a(self): pass
class B:
    def b(self): pass

def f(x: "Optional[A]", y: "A | B", z: "Dict[str, B]", w: "list[A]"):
    if x: x.a()
    if isinstance(y, A): y.a()
    else: y.b()
    for v in z.values(): v.b()
    for v in w: v.a()

class C:
    item: "B"
    def get(self) -> "B":
        return self.item
    def run(self):
        self.item.b()
        self.get().b()
