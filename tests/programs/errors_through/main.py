# moves: fully
"""Errors of what is gathered and awaited, on their way through context managers, `finally` and handlers."""
import asyncio
from contextlib import asynccontextmanager

from several import several


class Transaction:
    async def __aenter__(self):
        print("begin")
        return self

    async def __aexit__(self, kind, error, traceback):
        print("end", kind.__name__ if kind else None)
        return kind is LookupError


@asynccontextmanager
async def logged(name):
    try:
        yield name
    except KeyError as error:
        print(name, "saw", error)


async def look(table, key):
    await asyncio.sleep(0.01)
    return table[key]


async def missing(key):
    await asyncio.sleep(0.01)
    raise LookupError(key)


async def both(table):
    async with Transaction():
        print(await asyncio.gather(look(table, "a"), look(table, "a")))
        await asyncio.gather(missing("x"), look(table, "a"))
    async with logged("log"):
        await asyncio.gather(look(table, "b"), look(table, "a"))
    async with logged("tasks"):
        one = asyncio.create_task(look(table, "b"))
        two = asyncio.create_task(look(table, "a"))
        await one
        await two
    try:
        await asyncio.gather(look(table, "c"))
    finally:
        return "swallowed"


async def main():
    print(await both({"a": 1}))
    await several()


asyncio.run(main())
