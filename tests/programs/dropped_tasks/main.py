# moves: partly
"""A main function that ends all tasks that are left, before they start."""

import asyncio


async def dropping(main):
    try:
        return await main
    finally:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


def start(coro, tasks=set()):
    task = asyncio.create_task(coro)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def work():
    print("never")


async def main():
    start(work())
    print("main")


asyncio.run(dropping(main()))
print("done")
