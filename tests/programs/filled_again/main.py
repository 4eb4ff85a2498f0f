# moves: fully
# Tasks that get into a container by a slice, by `dict.fromkeys`, and by what is joined to it, and are waited for there.
import asyncio

log = []


async def work(n):
    await asyncio.sleep(0.03 * n)
    if n == 3:
        raise ValueError("three")
    log.append(n)
    return n * 10


async def told(task):
    try:
        return await task
    except ValueError as error:
        return repr(error)


async def by_slice():
    tasks = []
    tasks[:] = [asyncio.create_task(work(n)) for n in (1, 3)]
    print([await told(task) for task in tasks], [task.done() for task in tasks])


async def by_keys():
    shown = dict.fromkeys([asyncio.create_task(work(2)), asyncio.create_task(work(3))], "of a key")
    for task, text in shown.items():
        print(text, await told(task))
    for task in dict.fromkeys(["x"], asyncio.create_task(work(3))).values():
        print(await told(task), task.done())


async def by_parts():
    first, *rest = [asyncio.create_task(work(n)) for n in (1, 2, 3)]
    rest[1:] = [asyncio.create_task(work(1))]
    both = {"first": first} | {"next": rest[0]}
    print({name: await told(task) for name, task in both.items()})
    print([await told(task) for task in rest])


async def main():
    await by_slice()
    await by_keys()
    await by_parts()
    print(sorted(log))


asyncio.run(main())
