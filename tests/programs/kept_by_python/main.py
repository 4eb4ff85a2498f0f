# moves: partly
# Tasks that Python's own classes keep where nobody follows them: they stay, and the rest moves.
import asyncio
import operator


async def work(name):
    await asyncio.sleep(0.02)
    if name == "bad":
        raise ValueError(name)
    return name.upper()


async def told(task):
    try:
        return await task
    except ValueError as error:
        return repr(error)


class Jobs(dict):
    def running(self):
        return sorted(name for name, task in self.items() if not task.done())


class Stack(list):
    def push(self, task):
        self.append(task)


class Unfinished(Exception):
    pass


class Late(LookupError):
    def __init__(self, task):
        super().__init__("late", task)


async def in_dict():
    jobs = Jobs()
    jobs["good"] = asyncio.create_task(work("good"))
    jobs["bad"] = asyncio.create_task(work("bad"))
    print(jobs.running(), [await told(task) for task in jobs.values()], jobs.running())


async def in_list():
    stack = Stack([asyncio.create_task(work("bad"))])
    stack.push(asyncio.create_task(work("pushed")))
    while stack:
        print(await told(stack.pop()))


async def in_error():
    for error in (Unfinished, Late):
        try:
            raise error(asyncio.create_task(work("bad")))
        except (Unfinished, Late) as raised:
            task = raised.args[-1]
            print(await told(task), task.done())


async def by_name():
    one = asyncio.create_task(work("one"))
    two = asyncio.create_task(work("bad"))
    here = dict(locals())
    for name in ("one", "two"):
        print(name, await told(here[name]), here[name].done())


async def by_getter():
    rows = [{"task": asyncio.create_task(work(name))} for name in ("bad", "row")]
    for task in map(operator.itemgetter("task"), rows):
        print(await told(task), task.done())


async def main():
    await in_dict()
    await in_list()
    await in_error()
    await by_name()
    await by_getter()


asyncio.run(main())
