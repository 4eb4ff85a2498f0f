import asyncio


class BadInput(Exception):
    pass


async def process(number):
    await asyncio.sleep(0.001)
    if number < 0:
        raise BadInput(f"negative: {number}")
    return number * 10


async def batch(numbers):
    out = []
    async with asyncio.TaskGroup() as tg:
        tasks = [tg.create_task(process(n)) for n in numbers]
    for task in tasks:
        out.append(task.result())
    return sum(out)


async def run_batches(batches):
    results = {}
    for i, numbers in enumerate(batches):
        try:
            results[i] = await batch(numbers)
        except ExceptionGroup as group:
            results[i] = f"{len(group.exceptions)} failed"
    return results


async def fetch(name, delay):
    await asyncio.sleep(delay)
    return name


async def fetch_all(names):
    order = []
    coros = [fetch(name, 0.05 * (3 - i)) for i, name in enumerate(names)]
    for future in asyncio.as_completed(coros):
        order.append(await future)
    return order
