class Node:
    def __init__(self, v):
        self.v = v

    def eval(self):
        return self.v

def keep(n):
    return n.eval() > 1

def key(n):
    return n.v

def wrap(x):
    return [x]

nodes = [Node(i) for i in range(3)]
values = [n.eval() for n in nodes if keep(n)]
table = {key(n): wrap(n) for n in nodes}
total = sum(n.eval() for n in nodes)
nested = [m.eval() for row in [nodes, nodes] for m in row]
lazy = (keep(n) for n in nodes)
list(lazy)
fns = [lambda x: x + 1, lambda x: wrap(x)]
results = [f(1) for f in fns]
