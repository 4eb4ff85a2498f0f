# moves: fully
# A task that ends its own cancellation while a task of its own runs: a task group there would be cancelled still, so the task
# lives in the group of the caller.
import asyncio
import contextlib


async def tick():
    while True:
        await asyncio.sleep(0.01)


async def report(name):
    await asyncio.sleep(0.03)
    print("report", name)
    return name


async def serve(stop):
    ticker = asyncio.create_task(tick())
    try:
        await stop.wait()
    except asyncio.CancelledError:
        print("serve is told to stop")
    finally:
        ticker.cancel()
    print("serve is done")
    return "served"


async def collect():
    reporter = asyncio.create_task(report("a"))
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        print("collect is told to stop")
        return "collected"
    finally:
        print(await reporter)


async def watch():
    ticker = asyncio.create_task(tick())
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(10)
    ticker.cancel()
    return "watched"


class Worker:
    async def wait(self):
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            print("wait is told to stop")

    async def run(self):
        ticker = asyncio.create_task(tick())
        await self.wait()
        ticker.cancel()
        return "worked"


async def main():
    stop = asyncio.Event()
    for coro in (serve(stop), collect(), watch(), Worker().run()):
        task = asyncio.create_task(coro)
        await asyncio.sleep(0.02)
        task.cancel()
        try:
            print("got", await task)
        except asyncio.CancelledError:
            print("was cancelled")
    try:
        print(await asyncio.wait_for(serve(stop), 0.02))
    except asyncio.TimeoutError:
        print("time is up")


asyncio.run(main())
