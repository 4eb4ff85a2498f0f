# moves: fully
# An event loop that a module makes, and that coroutines use where it runs.
import asyncio
import time

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
queue = asyncio.Queue()
done = []


def blocking(n):
    time.sleep(0.01)
    return n * 2


async def doubled(n):
    """In a thread."""
    return await loop.run_in_executor(None, blocking, n)


async def worker():
    while (item := await queue.get()) is not None:
        done.append(await doubled(item))


def start():
    return [loop.create_task(worker()) for _ in range(2)]


async def main():
    started = loop.time()
    workers = start()
    for item in range(4):
        await queue.put(item)
    for _ in workers:
        await queue.put(None)
    await asyncio.wait(workers)
    answer = loop.create_future()
    loop.call_later(0.01, answer.set_result, "late")
    print(await answer, loop.time() - started < 60)


loop.run_until_complete(main())
print(sorted(done))
loop.close()
