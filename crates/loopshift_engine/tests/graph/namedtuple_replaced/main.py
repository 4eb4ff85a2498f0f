from collections import namedtuple
from typing import Callable, NamedTuple

Pair = namedtuple("Pair", "run arg")


class Step(NamedTuple):
    run: Callable
    arg: int = 1


def first(x): ...


def second(x): ...


def kept():
    step = Step(first)._replace(arg=4)
    step.run(step.arg)


def other():
    pair = Pair(None, 2)._replace(run=second)
    pair.run(pair.arg)


kept()
other()
