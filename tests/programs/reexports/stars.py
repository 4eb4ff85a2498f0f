from helpers import *


async def more():
    await sleep(0)
    lock = Lock()
    async with lock:
        return lock.locked()
