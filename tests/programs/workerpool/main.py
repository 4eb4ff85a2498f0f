# moves: fully
import asyncio
import random

from workerpool import Pool


async def job(x):
    await asyncio.sleep(0.001 * (x % 3))
    if x == 7:
        raise ValueError("seven")
    return x * x


async def main():
    async with Pool(3) as pool:
        futures = [await pool.submit(job, x) for x in range(10)]
        for x, future in enumerate(futures):
            try:
                print(x, await future)
            except ValueError as e:
                print(x, "error", e)
    print("workers left:", pool.alive)


asyncio.run(main())
