# moves: fully
import asyncio


async def step(n, fails=False):
    await asyncio.sleep(0.02 * n)
    print("start", n)
    await asyncio.sleep(0.1)
    if fails:
        raise ValueError(n)
    print("end", n)
    return n


async def caught():
    try:
        await asyncio.wait_for(asyncio.create_task(step(1, fails=True)), 5)
    except ValueError as error:
        print("caught", error)


async def main():
    print(await asyncio.gather(asyncio.create_task(step(1)), asyncio.create_task(step(2))))
    results = await asyncio.gather(
        *[asyncio.create_task(step(n, fails=n == 1)) for n in range(3)], step(3), return_exceptions=True
    )
    print(results)
    for ended in asyncio.as_completed([asyncio.ensure_future(step(2)), asyncio.ensure_future(step(1))]):
        print("ended", await ended)
    loop = asyncio.get_running_loop()
    print(await asyncio.wait_for(asyncio.gather(loop.create_task(step(1)), step(2)), 5))
    known = asyncio.create_task(step(1))
    print(await asyncio.gather(known, asyncio.create_task(step(2))))
    await caught()


asyncio.run(main())
