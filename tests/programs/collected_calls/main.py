# moves: fully
import asyncio
import functools
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor


def square(n):
    return n * n


def partition(data, size):
    for i in range(0, len(data), size):
        yield data[i:i + size]


def total(chunk):
    return sum(chunk)


async def processes():
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor() as pool:
        calls = [loop.run_in_executor(pool, square, n) for n in range(5)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    print(results)


async def threads():
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=3) as pool:
        tasks = []
        for chunk in partition(list(range(100)), 10):
            tasks.append(loop.run_in_executor(pool, functools.partial(total, chunk)))
        totals = await asyncio.gather(*tasks)
    print(functools.reduce(lambda a, b: a + b, totals))


async def plain():
    loop = asyncio.get_running_loop()
    calls: list = []
    for n in range(4):
        if n % 2:
            work = functools.partial(square, n)
            calls.append(loop.run_in_executor(None, work))
        else:
            calls.append(loop.run_in_executor(None, square, -n))
    for call in asyncio.as_completed(calls):
        value = await call
        print(value < 10)


async def loud():
    loop = asyncio.get_running_loop()
    calls = []
    for n in range(4):
        print("start", n)
        calls.append(loop.run_in_executor(None, square, n))
    print(await asyncio.gather(*calls))


async def main():
    await processes()
    await threads()
    await plain()
    await loud()


if __name__ == "__main__":
    asyncio.run(main())
