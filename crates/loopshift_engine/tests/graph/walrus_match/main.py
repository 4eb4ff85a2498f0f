import dataclasses

@dataclasses.dataclass
class Move:
    unit: "Unit"
    dist: int

@dataclasses.dataclass
class Stop:
    unit: "Unit"

class Unit:
    def advance(self):
        pass

    def halt(self):
        pass

def find(n):
    return Unit() if n else None

def step(cmd):
    match cmd:
        case Move(unit, dist) if dist > 0:
            unit.advance()
        case Stop(unit=u):
            u.halt()
        case [first, *rest]:
            first()
            for r in rest:
                r()
        case {"cb": cb, **others}:
            cb()
        case str() | bytes():
            text(cmd)
        case _:
            other()

def text(c): pass
def other(): pass
def a(): pass
def b(): pass
def c(): pass

if (u := find(1)) is not None:
    u.advance()
while (v := find(0)):
    v.halt()
step(Move(Unit(), 1))
step(Stop(Unit()))
step([a, b])
step({"cb": c})
step("x")
step(None)
print([y for x in range(2) if (y := find(x))])
