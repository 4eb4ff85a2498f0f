# moves: fully
import asyncio

import plugins
from plugins import load, names


async def main(selected=None, *, verbose=False):
    for name in selected or names():
        plugin = load(name)
        async with plugin:
            for argument in (3, 0, "z"):
                outcome = await plugin(argument)
                print(f"{name}({argument!r}) -> {outcome}")
    if verbose:
        print("order", plugins.ORDER)


if __name__ == "__main__":
    asyncio.run(main(["double", "invert", "slow"], verbose=True))
