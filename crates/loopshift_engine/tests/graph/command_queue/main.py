from collections import deque, defaultdict, OrderedDict

class Cmd:
    def __init__(self, fn, *args):
        self.fn = fn
        self.args = args
    def execute(self):
        return self.fn(*self.args)
    def undo(self):
        pass

def save(x): pass
def load(): pass

q = deque()
q.append(Cmd(save, 1))
q.appendleft(Cmd(load))
while q:
    q.popleft().execute()
groups = defaultdict(list)
groups["a"].append(Cmd(load))
for name, cmds in groups.items():
    for c in cmds:
        c.undo()
od = OrderedDict()
od["x"] = load
for v in od.values():
    v()
stack = []
stack.append(save)
stack.pop()(1)
nested = {"a": {"b": [load]}}
nested["a"]["b"][0]()
s = {save}
for f in s:
    f(1)
t = tuple([load])
t[0]()
m = {**nested, "k": save}
m["k"](2)
l2 = [*t, save]
l2[1](3)
