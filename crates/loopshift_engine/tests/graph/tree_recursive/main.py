class Node:
    def __init__(self, value, children=None):
        self.value = value
        self.children = children or []

    def add(self, child):
        self.children.append(child)
        return child

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()

    def depth(self):
        return 1 + max((c.depth() for c in self.children), default=0)

    def find(self, pred):
        for n in self.walk():
            if pred(n):
                return n

root = Node(1)
root.add(Node(2)).add(Node(3))
for n in root.walk():
    n.depth()
found = root.find(lambda n: n.depth() == 1)
found.depth()
