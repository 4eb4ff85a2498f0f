# moves: partly
"""A task factory that reports errors sees the tasks that the program makes."""

import asyncio


async def reported(coro):
    try:
        return await coro
    except ValueError as error:
        print("reported", error)
        raise


def make(loop, coro, **options):
    return asyncio.Task(reported(coro), loop=loop, **options)


async def fail(text):
    await asyncio.sleep(0)
    raise ValueError(text)


async def main():
    asyncio.get_running_loop().set_task_factory(make)
    task = asyncio.create_task(fail("one"))
    await asyncio.sleep(0.01)
    print("later")
    try:
        await task
    except ValueError as error:
        print("raised", error)


asyncio.run(main())
