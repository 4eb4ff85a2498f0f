class Num:
    def __init__(self, v):
        self.v = v
    def accept(self, visitor):
        return visitor.visit_num(self)

class Add:
    def __init__(self, l, r):
        self.l = l
        self.r = r
    def accept(self, visitor):
        return visitor.visit_add(self)

class Eval:
    def visit_num(self, n):
        return n.v
    def visit_add(self, a):
        return a.l.accept(self) + a.r.accept(self)

class Show:
    def visit_num(self, n):
        return str(n.v)
    def visit_add(self, a):
        return "(" + a.l.accept(self) + "+" + a.r.accept(self) + ")"

class Dyn:
    def visit(self, node):
        method = getattr(self, "visit_" + type(node).__name__.lower(), self.generic)
        return method(node)
    def visit_num(self, n):
        return n.v
    def generic(self, n):
        return None

tree = Add(Num(1), Add(Num(2), Num(3)))
tree.accept(Eval())
tree.accept(Show())
Dyn().visit(Add(1, 2))
