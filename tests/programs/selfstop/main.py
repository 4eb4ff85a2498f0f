# moves: partly
"""Tasks that give up by themselves, and that are known to asyncio by a name of their own."""
import asyncio


class Giver:
    def __init__(self, name, patience):
        self.name, self.patience = name, patience

    async def run(self):
        me = asyncio.current_task()
        for step in range(100):
            if step == self.patience:
                me.cancel()
            await asyncio.sleep(0)
        return self.name


async def outcome(task):
    try:
        return await task
    except asyncio.CancelledError:
        return "gave up"


async def work(n):
    asyncio.current_task().set_name(f"work on {n}")
    await asyncio.sleep(0.01 * n)
    return n * 2


async def main():
    givers = [asyncio.create_task(Giver(name, patience).run()) for name, patience in (("a", 3), ("b", 300))]
    for task in givers:
        print(await outcome(task), task.cancelled())
    tasks = [asyncio.create_task(work(n), name=f"task {n}") for n in range(3)]
    print(sorted(task.get_name() for task in tasks))
    for task in tasks:
        print(await task, task.get_name())


asyncio.run(main())
