"""Objects that raise where nothing is called by name."""
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Point:
    x: int


class Fields:
    @cached_property
    def area(self):
        raise ValueError("no area")

    @property
    def name(self):
        return "fields"

    @name.setter
    def name(self, value):
        raise ValueError(f"not to be called {value}")

    def __getattr__(self, name):
        raise AttributeError(f"nothing of the name {name}")


class Rank:
    def __init__(self, value):
        self.value = value

    def _known(self):
        if self.value is None:
            raise ValueError("no rank")
        return self.value

    def __lt__(self, other):
        return self._known() < other._known()

    def __gt__(self, other):
        return self._known() > other._known()

    def __eq__(self, other):
        return self._known() == other._known()

    def __hash__(self):
        return hash(self._known())

    def __bool__(self):
        return self._known() > 0

    def __repr__(self):
        return f"rank {self._known()}"


def move(point):
    point.x = 2


def rename(fields):
    fields.name = "others"


def pair(values):
    first, second = values
    return first + second


POINT = Point(1)
FIELDS = Fields()
RANK, BROKEN = Rank(1), Rank(None)
