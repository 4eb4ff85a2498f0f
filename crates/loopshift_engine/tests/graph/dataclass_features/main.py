from dataclasses import dataclass, field, replace, asdict
from typing import Callable, Optional, List

@dataclass(order=True)
class Task:
    prio: int
    run: Callable = field(compare=False)
    tags: List[str] = field(default_factory=list)
    parent: Optional["Task"] = None

    def go(self):
        self.run()
        if self.parent:
            self.parent.go()

    @property
    def label(self):
        return self.fmt()

    def fmt(self):
        return str(self.prio)

def one(): pass
def two(): pass

t = Task(1, one)
u = Task(prio=2, run=two, parent=t)
u.go()
u.label
for k in sorted([u, t]):
    k.go()
v = replace(t, prio=3)
v.go()
