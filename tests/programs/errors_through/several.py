import asyncio


async def look(table, key):
    await asyncio.sleep(0.01)
    return table[key]


async def tell():
    await asyncio.sleep(0.001)
    return "told"


async def several():
    table = {"a": 1}
    try:
        one = asyncio.create_task(look(table, "b"))
        two = asyncio.create_task(tell())
        print(await two)
        await one
    except KeyError as error:
        print("caught", error)
    try:
        one = asyncio.create_task(look(table, "b"))
        two = asyncio.create_task(tell())
        await asyncio.gather(one, two)
    except KeyError as error:
        print("caught", error)
    try:
        one = asyncio.create_task(look(table, "c"))
        two = asyncio.create_task(tell())
        await one
        print(await two)
    except KeyError as error:
        print("caught", error)
