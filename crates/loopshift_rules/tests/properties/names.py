import asyncio as aio
from asyncio import Lock, sleep as nap, get_event_loop
from asyncio import *

anyio = None
partial = 1

if True:
    import asyncio


def make():
    tg = Lock()
    return tg


async def outer(nap_time=0.1):
    async def inner():
        await nap(nap_time); await aio.sleep(-1)
        return [await aio.sleep(0, x) for x in "ab"]

    tg = await inner()
    x = lambda: aio.iscoroutinefunction(inner)
    async with make(): print(tg, x())
    task = aio.current_task()
    print(task.get_name(), aio.iscoroutine(task))


class T:
    run = staticmethod(aio.run)
    q = aio.Queue()

    async def go(self):
        "doc"
        await self.q.put(1); print(await self.q.get())


if __name__ == '__main__': aio.run(outer(nap_time=0))
