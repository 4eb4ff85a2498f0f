# moves: fully
# Plain functions that drive an event loop by hand: they make tasks before it runs, run it several times, and look at the tasks.
import asyncio

from loaded import names, sizes
from workers import Kept, Pool, download, watch

total = 0


def by_wait():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    tasks = []
    for n, name in enumerate(["alpha", "beta", "gamma"]):
        tasks.append(loop.create_task(download(name, n + 1)))
    dog = loop.create_task(watch(tasks))
    try:
        loop.run_until_complete(asyncio.wait(tasks))
        results = dict(task.result() for task in tasks)
        for key in sorted(results):
            print(key, results[key])
        loop.run_until_complete(dog)
    finally:
        loop.close()
    return len(results)


def by_gather(names):
    global total
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    jobs = [asyncio.ensure_future(download(name, 1), loop=loop) for name in names]
    sizes = loop.run_until_complete(asyncio.gather(*jobs))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    total = sum(size for _, size in sizes)


def stopped():
    count = 0
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    endless = loop.create_task(download("endless", 1000))
    for name in ("one", "two"):
        count += loop.run_until_complete(download(name, 2))[1]
    endless.cancel()
    try:
        loop.run_until_complete(endless)
    except asyncio.CancelledError:
        print("stopped", count)
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def service():
    kept = Kept()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(kept.start(3))
    print("started", kept.seen)
    loop.run_until_complete(kept.stop())
    loop.close()


print(names, sizes)
print(by_wait())
by_gather(["a", "b"])
print(total)
stopped()
service()
print(Pool(2).drain([5, 1, 2]))
