# moves: fully
# An event loop that functions and objects are handed, and that they use where it runs.
import asyncio

from stages import stage


async def main(loop):
    first = loop.create_task(stage("a", loop, [1, 2, 3]))
    second = loop.create_task(stage("b", loop=loop, items=[10], delay=0.1))
    for task in (first, second):
        print(await task)


def run():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main(loop))
    finally:
        loop.close()


if __name__ == "__main__":
    run()
