from typing import NamedTuple
from enum import Enum, auto
from collections import namedtuple

class Point(NamedTuple):
    x: int
    y: int

    def norm(self):
        return square(self.x)

def square(v):
    return v * v

class Color(Enum):
    RED = 1
    BLUE = 2

    def paint(self):
        return self.label()

    def label(self):
        return self.name.lower()

    @classmethod
    def default(cls):
        return cls.RED

Pair = namedtuple("Pair", "a b")

p = Point(1, 2)
p.norm()
Color.RED.paint()
Color.default().paint()
for c in Color:
    c.paint()
Color(1).label()
Color["BLUE"].paint()
pair = Pair(square, 2)
pair.a(3)
x, y = p
