import asyncio
from asyncio import Lock, Queue, TimeoutError, sleep


async def work():
    await asyncio.sleep(0)
    await sleep(0)
    return Lock().locked()
