from __future__ import annotations

import asyncio
import functools
import time


async def slow(x: int) -> int:
    await asyncio.sleep(x)
    return x


async def main(limit: float | None = None) -> int:
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        value = await asyncio.wait_for(slow(1), timeout=limit)
    except asyncio.TimeoutError:
        value = -1
    async with asyncio.timeout(3) as cm:
        value += await asyncio.wait_for(asyncio.gather(slow(0), slow(0)), 5) and 1
    print(cm.expired(), loop.time() - start)
    await loop.run_in_executor(None, functools.partial(time.sleep, 0.01))
    print(await asyncio.to_thread(sum, [1, 2], start=3))
    for fut in asyncio.as_completed([slow(0), slow(0)]):
        print(await fut)
    await asyncio.shield(slow(0))
    async with asyncio.TaskGroup() as tg:
        t = tg.create_task(slow(0))
    loop.call_later(1, print, "later")
    return t.result() + value


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main(1))
    finally:
        loop.close()
    asyncio.run(main(limit=2))
