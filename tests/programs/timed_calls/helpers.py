import time


async def timed(coro):
    start = time.monotonic()
    value = await coro
    return value, time.monotonic() - start


async def guarded(coro):
    try:
        return await coro
    except ValueError as exc:
        return f"failed: {exc}"
