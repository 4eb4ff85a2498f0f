# moves: fully
"""Errors that come out of texts, comparisons and counts: each must reach the one who waits for the task."""
import asyncio


class Price:
    def __init__(self, cents):
        self.cents = cents

    def __str__(self):
        if self.cents < 0:
            raise ValueError("a price below zero")
        return f"{self.cents / 100:.2f}"

    def __lt__(self, other):
        if other.cents == 0:
            raise ZeroDivisionError("nothing to compare with")
        return self.cents < other.cents

    def __add__(self, other):
        if other.cents > 1000:
            raise OverflowError("too dear")
        return Price(self.cents + other.cents)


async def show(price):
    await asyncio.sleep(0.01)
    return f"it costs {price}"


async def told(price):
    await asyncio.sleep(0.01)
    print("told:", price)


async def cheaper(one, other):
    await asyncio.sleep(0.01)
    return one < other


async def both(one, other):
    await asyncio.sleep(0.01)
    return (one + other).cents


async def once(queue):
    item = await queue.get()
    queue.task_done()
    return item


async def twice(queue):
    item = await queue.get()
    queue.task_done()
    if item == "second":
        queue.task_done()
    return item


async def steady():
    for _ in range(3):
        await asyncio.sleep(0.02)
    return "steady"


async def a_text():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(show(Price(-1)))
    try:
        print(await task)
    except Exception as exc:
        print(type(exc).__name__, exc)
    print(await others)


async def a_line():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(told(Price(-2)))
    try:
        print(await task)
    except Exception as exc:
        print(type(exc).__name__, exc)
    print(await others)


async def a_comparison():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(cheaper(Price(1), Price(0)))
    try:
        print(await task)
    except Exception as exc:
        print(type(exc).__name__, exc)
    print(await others)


async def a_sum():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(both(Price(1), Price(2000)))
    try:
        print(await task)
    except Exception as exc:
        print(type(exc).__name__, exc)
    print(await others)


async def a_count(queue):
    others = asyncio.create_task(steady())
    task = asyncio.create_task(twice(queue))
    try:
        print(await task)
    except Exception as exc:
        print(type(exc).__name__, exc)
    print(await others)


async def nothing(queue):
    others = asyncio.create_task(steady())
    task = asyncio.create_task(once(queue))
    try:
        print(await task)
    except Exception as exc:
        print(type(exc).__name__, exc)
    print(await others)


async def main():
    print(await show(Price(250)), await cheaper(Price(1), Price(2)), await both(Price(1), Price(2)))
    await a_text()
    await a_line()
    await a_comparison()
    await a_sum()
    queue = asyncio.Queue()
    for item in ("first", "second"):
        queue.put_nowait(item)
    await nothing(queue)
    await a_count(queue)


asyncio.run(main())
