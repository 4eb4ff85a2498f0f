# moves: partly
import asyncio


async def step(n):
    print("start", n)
    await asyncio.sleep(0.01)
    print("end", n)
    return n


async def main():
    await asyncio.gather(asyncio.create_task(step(1)), asyncio.create_task(step(2)))
    print("x")


asyncio.run(main())
