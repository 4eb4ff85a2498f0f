# moves: partly
import asyncio

import helpers
import stars
from helpers import Queue, TimeoutError as Late, work
from asyncio import sleep as pause, run as go


class OwnLock(helpers.Lock):
    pass


async def main():
    print(await work(), await stars.more())
    await stars.asyncio.sleep(0)
    await helpers.asyncio.sleep(0)
    queue = Queue()
    await queue.put("item")
    print(await queue.get(), OwnLock().locked())
    try:
        await asyncio.wait_for(pause(10), 0.01)
    except Late:
        print("late")


go(main())
