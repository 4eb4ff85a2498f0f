def add(a, b):
    return a + b

def sub(a, b):
    return a - b

def fallback(a, b):
    return 0

OPS = {"+": add, "-": sub}

def calc(op, a, b):
    return OPS.get(op, fallback)(a, b)

class Handler:
    def __init__(self):
        self.table = {"start": self.on_start, "stop": self.on_stop}

    def on_start(self):
        pass

    def on_stop(self):
        pass

    def handle(self, event):
        if event in self.table:
            self.table[event]()

calc("+", 1, 2)
calc("-", 1, 2)
calc("?", 1, 2)
OPS["+"](1, 2)
h = Handler()
h.handle("start")
h.handle("stop")
for name, op in OPS.items():
    op(1, 2)
d = dict(one=add)
d["two"] = sub
d.pop("one")(1, 1)
d.setdefault("three", fallback)(1, 2)
