class Link:
    def __init__(self, v, nxt=None):
        self.v = v
        self.nxt = nxt

    def last(self):
        cur = self
        while cur.nxt:
            cur = cur.nxt
        return cur

    def label(self):
        return str(self.v)

class Chain:
    def __init__(self):
        self.head = None

    def push(self, v):
        self.head = Link(v, self.head)
        return self

    def __iter__(self):
        cur = self.head
        while cur is not None:
            yield cur
            cur = cur.nxt

c = Chain().push(1).push(2)
for link in c:
    link.label()
c.head.last().label()
