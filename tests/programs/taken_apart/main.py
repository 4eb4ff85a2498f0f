# moves: partly
# Tasks that are taken out of what holds them in many ways: each is waited for where its error is handled.
import asyncio


async def work(name):
    await asyncio.sleep(0.01)
    if name == "b":
        raise ValueError(name)
    return name.upper()


class Both:
    def __init__(self, tasks):
        self.tasks = tasks

    def __iter__(self):
        return iter(self.tasks)


async def values():
    a, b = {name: asyncio.create_task(work(name)) for name in "ab"}.values()
    print("values", await a)
    try:
        await b
    except ValueError as exc:
        print("failed", exc)


async def popitem():
    tasks = {name: asyncio.create_task(work(name)) for name in "ab"}
    b = tasks.popitem()[1]
    a = tasks.popitem()[1]
    print("popitem", await a)
    try:
        await b
    except ValueError as exc:
        print("failed", exc)


async def joined():
    first, second = [asyncio.create_task(work("a"))], [asyncio.create_task(work("b"))]
    joined = first + second
    a, b = joined[0], joined[1]
    print("joined", await a)
    try:
        await b
    except ValueError as exc:
        print("failed", exc)


async def grown():
    tasks = {name: asyncio.create_task(work(name)) for name in "ab"}
    grown = []
    grown += tasks.values()
    a, b = grown
    print("grown", await a)
    try:
        await b
    except ValueError as exc:
        print("failed", exc)


async def without():
    tasks = [asyncio.create_task(work(name)) for name in "ab"]
    a = tasks[0]
    (b,) = set(tasks) - {a}
    print("without", await a)
    try:
        await b
    except ValueError as exc:
        print("failed", exc)


async def zipped():
    tasks = {name: asyncio.create_task(work(name)) for name in "ab"}
    _, both = zip(*tasks.items())
    a, b = both
    print("zipped", await a)
    try:
        await b
    except ValueError as exc:
        print("failed", exc)


async def queued():
    queue = [asyncio.create_task(work("a")), asyncio.create_task(work("b"))]
    a = queue.pop(0)
    b = queue[0]
    print("queued", await a)
    try:
        await b
    except ValueError as exc:
        print("failed", exc)


async def iterated():
    a, b = Both([asyncio.create_task(work(name)) for name in "ab"])
    print("iterated", await a)
    try:
        await b
    except ValueError as exc:
        print("failed", exc)


async def main():
    await values()
    await popitem()
    await joined()
    await grown()
    await without()
    await zipped()
    await queued()
    await iterated()


asyncio.run(main())
