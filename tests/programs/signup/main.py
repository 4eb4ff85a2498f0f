# moves: fully
"""Checks forms: all that is wrong with one comes as a group of errors, which goes through as it is."""
import asyncio


class Invalid(Exception):
    pass


async def check(field, value, delay):
    await asyncio.sleep(delay)
    if not value:
        raise Invalid(f"{field} is empty")
    return value.strip()


async def validate(form):
    """One after the other, as they end."""
    pending = {asyncio.create_task(check(key, form[key], 0.03 * n), name=key) for n, key in enumerate(form)}
    errors, values = [], {}
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task.exception() is None:
                values[task.get_name()] = task.result()
            else:
                errors.append(task.exception())
    if errors:
        raise ExceptionGroup(f"{len(errors)} of {len(form)} fields", errors)
    return values


async def submit(name, form):
    try:
        print(name, await validate(form))
    except* Invalid as group:
        for error in group.exceptions:
            print(name, "-", error)


async def save(log):
    async with asyncio.TaskGroup() as tg:
        tg.create_task(check("table", "", 0.01))
        log.append("saving")


async def submit_all(*forms):
    log = []
    try:
        await asyncio.gather(*[validate(form) for form in forms])
    except ExceptionGroup as group:
        print("all:", group.message, [str(error) for error in group.exceptions])
    try:
        await asyncio.gather(save(log), asyncio.sleep(0.02))
    except ExceptionGroup as group:
        print(log, [str(error) for error in group.exceptions])


async def main():
    await submit("ann", {"name": " Ann ", "mail": "a@b"})
    await submit("bob", {"name": "", "mail": ""})
    await submit_all({"name": "x", "mail": "y"}, {"name": "", "mail": "", "age": "1"})


asyncio.run(main())
