# moves: fully
# Whether errors are results is computed.
import asyncio


async def unit(value):
    await asyncio.sleep(0.01)
    if value < 0:
        raise ValueError(f"negative: {value}")
    return value


async def collect(values, strict=False):
    return await asyncio.gather(*[unit(value) for value in values], return_exceptions=not strict)


async def main():
    print(await collect([1, 2], strict=True))
    print(await collect([1, 2]))
    print([str(result) for result in await collect([1, -2])])
    try:
        await collect([-1, 3], strict=True)
    except ValueError as exc:
        print("caught", exc)
    context = {"all": True}
    first, second = await asyncio.gather(unit(1), unit(-1), return_exceptions=context["all"])
    print(first, repr(second))


asyncio.run(main())
