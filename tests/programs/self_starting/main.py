# moves: fully
# Objects that start a task where they are made: by their classes, by a function that is given the class, with arguments that
# are unpacked, and within other objects.
import asyncio

from parts import Component, Failing, Game, make


async def settings():
    await asyncio.sleep(0)
    return "c", "a"


async def play():
    game = Game()
    await asyncio.sleep(0.23)
    game.over()
    return game.score


async def main():
    first = Component("a")
    second = Component("b", first, period=0.04)
    third = Component(*await settings())
    await asyncio.sleep(0.2)
    print(await second.stop() > 2, await first.stop() > 4, third.needs, await third.stop() > 4)
    failing = Failing("d")
    try:
        await failing.stop()
    except RuntimeError as error:
        print(error)
    for kind in (Component, Failing):
        made = make(kind, kind.__name__, period=0.01)
        try:
            print(await made.stop() > 0)
        except RuntimeError as error:
            print(error)
    print(Component.made, await play() > 40)


asyncio.run(main())
