import asyncio
from enum import Enum, auto
from typing import Dict, List, Tuple


class Door:
    transitions: Dict[Tuple[str, str], str] = {
        ("closed", "open"): "open",
        ("open", "close"): "closed",
        ("closed", "lock"): "locked",
        ("locked", "unlock"): "closed",
    }

    def __init__(self):
        self.state = "closed"
        self.history = [self.state]
        self._condition = asyncio.Condition()

    async def fire(self, action):
        async with self._condition:
            key = (self.state, action)
            if key not in self.transitions:
                raise ValueError(f"can't {action} when {self.state}")
            self.state = self.transitions[key]
            self.history.append(self.state)
            self._condition.notify_all()
        await asyncio.sleep(0.001)

    async def wait_for(self, state):
        async with self._condition:
            await self._condition.wait_for(lambda: self.state == state)
            return f"saw {state}"


class Colour(Enum):
    RED = auto()
    GREEN = auto()
    AMBER = auto()


class Traffic:
    order = [Colour.RED, Colour.GREEN, Colour.AMBER]

    def __init__(self, cycle):
        self.cycle = cycle
        self.colour = Colour.RED
        self._event = asyncio.Event()

    async def run(self):
        index = 0
        try:
            while True:
                await asyncio.sleep(self.cycle)
                index = (index + 1) % len(self.order)
                self.colour = self.order[index]
                self._event.set()
        finally:
            self.colour = None

    async def changed(self):
        await self._event.wait()
        self._event.clear()
        return self.colour.name


async def drive(light_count):
    gates = [asyncio.Event() for _ in range(light_count)]
    passed = []

    async def car(name):
        for number, gate in enumerate(gates):
            await gate.wait()
            passed.append((number, name))

    cars = [asyncio.ensure_future(car(name)) for name in "ab"]
    for gate in gates:
        await asyncio.sleep(0.001)
        gate.set()
    done, pending = await asyncio.wait(cars, timeout=1)
    assert not pending
    return sorted(passed), len(done)
