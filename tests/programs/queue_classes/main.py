# moves: partly
import asyncio


def kind(queue):
    # a queue of priorities is a queue, too
    return "queue" if isinstance(queue, asyncio.Queue) else "something else"


async def main():
    urgent = asyncio.PriorityQueue()
    for number in (3, 1, 2):
        await urgent.put(number)
    print(kind(urgent), [urgent.get_nowait() for _ in range(3)])


asyncio.run(main())
