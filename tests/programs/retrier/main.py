# moves: fully
import asyncio
import functools
import random

from retry import Backoff, RetryError, retry, with_timeout

attempts = {"a": 0, "b": 0, "c": 0}


@retry(Backoff(base=0.001, factor=2, maximum=0.01), tries=4)
async def sometimes(key, fail):
    attempts[key] += 1
    await asyncio.sleep(0)
    if attempts[key] <= fail:
        raise ConnectionError(f"{key} attempt {attempts[key]}")
    return f"{key} ok after {attempts[key]}"


@with_timeout(0.2)
async def slow(delay):
    """Sleeps."""
    await asyncio.sleep(delay)
    return "slept"


async def main():
    print(await sometimes("a", 2))
    try:
        await sometimes("b", 10)
    except RetryError as error:
        print("gave up:", error, "<-", error.__cause__)
    print(slow.__doc__, slow.__name__)
    print(await slow(0))
    try:
        await slow(30)
    except asyncio.TimeoutError:
        print("timed out")
    results = await asyncio.gather(sometimes("c", 1), slow(30), slow(0.001), return_exceptions=True)
    print([type(r).__name__ if isinstance(r, Exception) else r for r in results])


if __name__ == "__main__":
    loop = asyncio.get_event_loop()
    loop.run_until_complete(main())
    loop.close()
