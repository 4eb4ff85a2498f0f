# moves: fully
# Waiting for a task with a timeout, as a part of an expression, and with a computed timeout.
import asyncio


async def work(name, delay):
    try:
        await asyncio.sleep(delay)
    except asyncio.CancelledError:
        print("stopped", name)
        raise
    if name == "bad":
        raise ValueError(name)
    return name.upper()


async def main():
    limits = {"short": 0.05, "long": 5}
    tasks = {
        name: asyncio.create_task(work(name, delay))
        for name, delay in (("good", 0.01), ("bad", 0.01), ("slow", 10))
    }
    good, bad, slow = tasks.values()
    print("got", await asyncio.wait_for(good, limits["long"]))
    try:
        print("got", len(await asyncio.wait_for(bad, limits["long"])))
    except ValueError as exc:
        print("failed", exc)
    try:
        print("got", [await asyncio.wait_for(slow, limits["short"])])
    except asyncio.TimeoutError:
        print("time is up", slow.cancelled())
    late = asyncio.create_task(work("late", 0.1))
    try:
        print("got", len(await asyncio.wait_for(asyncio.shield(late), limits["short"] / 10)))
    except asyncio.TimeoutError:
        print("late goes on", late.done())
    print("got", await late)


asyncio.run(main())
