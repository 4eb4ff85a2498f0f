# moves: fully
"""What raises where nothing is called by name reaches the one who waits for the task, and leaves others alone."""
import asyncio
import json

from objects import BROKEN, FIELDS, POINT, RANK, move, pair, rename


async def steady():
    await asyncio.sleep(0.03)
    print("steady")


async def missing():
    await asyncio.sleep(0.01)
    print(FIELDS.speed)


async def wait_for_missing():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(missing())
    try:
        await task
    except Exception as exc:
        print("missing:", type(exc).__name__, exc)
    await others


async def frozen():
    await asyncio.sleep(0.01)
    print(move(POINT))


async def wait_for_frozen():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(frozen())
    try:
        await task
    except Exception as exc:
        print("frozen:", type(exc).__name__, exc)
    await others


async def cached():
    await asyncio.sleep(0.01)
    print(FIELDS.area)


async def wait_for_cached():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(cached())
    try:
        await task
    except Exception as exc:
        print("cached:", type(exc).__name__, exc)
    await others


async def unpacked():
    await asyncio.sleep(0.01)
    print(pair([1, 2, 3]))


async def wait_for_unpacked():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(unpacked())
    try:
        await task
    except Exception as exc:
        print("unpacked:", type(exc).__name__, exc)
    await others


async def filled():
    await asyncio.sleep(0.01)
    print("{} of {}".format("one"))


async def wait_for_filled():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(filled())
    try:
        await task
    except Exception as exc:
        print("filled:", type(exc).__name__, exc)
    await others


async def found():
    await asyncio.sleep(0.01)
    print(BROKEN in [RANK, BROKEN])


async def wait_for_found():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(found())
    try:
        await task
    except Exception as exc:
        print("found:", type(exc).__name__, exc)
    await others


async def in_order():
    await asyncio.sleep(0.01)
    print(sorted([RANK, BROKEN]))


async def wait_for_in_order():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(in_order())
    try:
        await task
    except Exception as exc:
        print("in_order:", type(exc).__name__, exc)
    await others


async def true():
    await asyncio.sleep(0.01)
    print(not BROKEN)


async def wait_for_true():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(true())
    try:
        await task
    except Exception as exc:
        print("true:", type(exc).__name__, exc)
    await others


async def key():
    await asyncio.sleep(0.01)
    print({BROKEN: 1})


async def wait_for_key():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(key())
    try:
        await task
    except Exception as exc:
        print("key:", type(exc).__name__, exc)
    await others


async def largest():
    await asyncio.sleep(0.01)
    print(max(RANK, BROKEN))


async def wait_for_largest():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(largest())
    try:
        await task
    except Exception as exc:
        print("largest:", type(exc).__name__, exc)
    await others


async def set_to():
    await asyncio.sleep(0.01)
    print(rename(FIELDS))


async def wait_for_set_to():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(set_to())
    try:
        await task
    except Exception as exc:
        print("set_to:", type(exc).__name__, exc)
    await others


async def shown():
    await asyncio.sleep(0.01)
    print([BROKEN])


async def wait_for_shown():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(shown())
    try:
        await task
    except Exception as exc:
        print("shown:", type(exc).__name__, exc)
    await others


async def dumped():
    await asyncio.sleep(0.01)
    print(json.dumps({"rank": RANK}))


async def wait_for_dumped():
    others = asyncio.create_task(steady())
    task = asyncio.create_task(dumped())
    try:
        await task
    except Exception as exc:
        print("dumped:", type(exc).__name__, exc)
    await others


async def main():
    await wait_for_missing()
    await wait_for_frozen()
    await wait_for_cached()
    await wait_for_unpacked()
    await wait_for_filled()
    await wait_for_found()
    await wait_for_in_order()
    await wait_for_true()
    await wait_for_key()
    await wait_for_largest()
    await wait_for_set_to()
    await wait_for_shown()
    await wait_for_dumped()


asyncio.run(main())
