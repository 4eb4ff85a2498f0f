import enum
from enum import Enum, IntEnum, auto

def plus(a, b): return a + b
def minus(a, b): return a - b

class Op(Enum):
    PLUS = "+"
    MINUS = "-"

    def __init__(self, sign):
        self.sign = sign

    def apply(self, a, b):
        return TABLE[self](a, b)

    @property
    def title(self):
        return self.name.title()

    @classmethod
    def parse(cls, s):
        return cls(s)

class Level(IntEnum):
    LOW = auto()
    HIGH = auto()

    def loud(self):
        return self >= Level.HIGH

TABLE = {Op.PLUS: plus, Op.MINUS: minus}
Op.PLUS.apply(1, 2)
Op.parse("-").apply(1, 2)
Op.PLUS.title
for lvl in Level:
    lvl.loud()
def name_of(op: Op):
    return op.title
name_of(Op.MINUS)
