# moves: safely
"""What asyncio says of its objects is part of what is printed: their text, their class, the name of a task."""

import asyncio


async def fetch(number):
    await asyncio.sleep(0.01 * number)
    return number


async def fail():
    raise ValueError("no")


async def futures():
    future = asyncio.get_running_loop().create_future()
    print(f"{future}", type(future).__name__)
    future.set_result(3)
    print("%s %s" % (future, await future))


async def names():
    task = asyncio.create_task(fetch(1))
    other = asyncio.create_task(fetch(2), name="other")
    print(task.get_name().partition("-")[0], other.get_name())
    print(await task, await other)


async def classes():
    tasks = [asyncio.create_task(fetch(1)), asyncio.create_task(fetch(1))]
    for task in tasks:
        print(str(task)[:5])
    print([await task for task in tasks])


async def everything():
    tasks = [asyncio.create_task(fetch(1)), asyncio.create_task(fetch(1))]
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*tasks)
    print(sorted(task.result() for task in others))
    print(sorted(task.result() for task in tasks))


async def group():
    try:
        async with asyncio.TaskGroup() as tg:
            task = tg.create_task(fail())
    except* ValueError as errors:
        print(len(errors.exceptions))
    print("finished" in repr(task))


async def main():
    print(repr(asyncio.current_task())[:27])
    await futures()
    await names()
    await classes()
    await everything()
    await group()


asyncio.run(main())
