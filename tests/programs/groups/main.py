# moves: fully
import asyncio

from jobs import BadInput, fetch_all, process, run_batches


async def main():
    try:
        async with asyncio.TaskGroup() as tg:
            first = tg.create_task(process(1))
            second = tg.create_task(process(2), name="second")
        print(first.result() + second.result())
    except* BadInput as group:
        print("bad", group.exceptions)

    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(process(5))
            tg.create_task(process(-1))
    except* BadInput as group:
        print("bad input:", sorted(str(e) for e in group.exceptions))

    print(await run_batches([[1, 2], [3, -4], [5]]))
    print(await fetch_all(["a", "b", "c"]))


asyncio.run(main(), debug=False)
