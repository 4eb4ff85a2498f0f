# moves: fully
import asyncio


async def work(n):
    await asyncio.sleep(0)
    return n * 2


async def main():
    first = asyncio.create_task(work(1))
    second = asyncio.create_task(work(2))
    await asyncio.wait([first, second])
    print((second or first).result())
    print((  # (either
        first if second.done() else second
    ).result())
    future = asyncio.get_running_loop().create_future()
    other = asyncio.get_running_loop().create_future()
    (future or other).set_result(5)
    print(await future, (future or other).result(), (future or other).done())


asyncio.run(main())
