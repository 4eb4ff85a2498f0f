# moves: fully
import asyncio


class Conn:
    log = []

    def __init__(self, name):
        self.name = name

    async def close(self):
        await asyncio.sleep(0.01)
        self.log.append(f"closed {self.name}")


async def use(name, delay):
    conn = Conn(name)
    try:
        await asyncio.sleep(delay)
        return name
    finally:
        await conn.close()


async def main():
    try:
        await asyncio.wait_for(use("slow", 5), 0.01)
    except asyncio.TimeoutError:
        Conn.log.append("timeout")
    task = asyncio.create_task(use("task", 5))
    await asyncio.sleep(0.01)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        Conn.log.append("cancelled")
    try:
        async with asyncio.timeout(0.02):
            await use("inner", 5)
    except TimeoutError:
        Conn.log.append("timeout 2")
    print(Conn.log)


asyncio.run(main())
