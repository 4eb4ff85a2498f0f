# moves: safely
"""Coroutines are handed to functions that await them: one measures, one catches what goes wrong."""
import asyncio
from contextlib import asynccontextmanager

from helpers import guarded, timed


class Gate:
    def __init__(self, free):
        self._free = asyncio.Semaphore(free)
        self.passed = []

    async def enter(self, name):
        async with self._free:
            await asyncio.sleep(0.01)
            self.passed.append(name)


@asynccontextmanager
async def through(gate, name):
    await gate.enter(name)
    yield name


@asynccontextmanager
async def logged(gate, name):
    await gate.enter(name)
    try:
        yield name
    finally:
        print("left", name)


async def visit(gate, name):
    async with through(gate, name) as who:
        if who not in "abcdefg":
            raise ValueError(who)
        return who


async def visit_logged(gate, name):
    async with logged(gate, name) as who:
        await asyncio.sleep(0.01)
        return who


async def all_of(gate, names):
    return await asyncio.gather(*[visit(gate, name) for name in names])


async def fails(name):
    await asyncio.sleep(0.01)
    raise ValueError(name)


async def slow(name):
    await asyncio.sleep(0.05)
    print("slow", name, "is over")


async def pair(name):
    visits = [fails(name), slow(name)]
    await asyncio.gather(*visits)


async def main():
    gate = Gate(2)
    names, took = await timed(all_of(gate, "abc"))
    print(sorted(names), 0.015 < took < 0.5)
    print(await visit_logged(gate, "d"))
    print(await guarded(pair("x")))
    await asyncio.sleep(0.1)
    work = pair("y")
    print(await guarded(work))
    await asyncio.sleep(0.1)
    others = all_of(gate, "ef")
    print(sorted(await others))
    print(sorted(gate.passed))


asyncio.run(main())
