# moves: partly
import asyncio


async def double(number):
    try:
        await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        print("cleaning", number)
        raise
    return number * 2


async def main():
    task = asyncio.create_task(double(1))
    await asyncio.sleep(0)
    tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    for t in tasks:
        t.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    try:
        print(await task)
    except asyncio.CancelledError:
        print("stopped")


asyncio.run(main())
