# moves: fully
import asyncio


async def download(name, seconds):
    await asyncio.sleep(seconds)
    if name == "broken":
        raise OSError("cannot download")
    return f"{name} after {seconds}"


async def with_progress(jobs):
    tasks = [asyncio.create_task(download(*job)) for job in jobs]
    done = 0
    for ended in asyncio.as_completed(tasks):
        try:
            result = await ended
        except OSError as error:
            result = f"error: {error}"
        done += 1
        print(f"{done}/{len(tasks)}", result)


async def in_time(jobs, seconds):
    tasks = {name: asyncio.create_task(download(name, after)) for name, after in jobs}
    results = []
    try:
        for ended in asyncio.as_completed(tasks.values(), timeout=seconds):
            results.append(await ended)
    except asyncio.TimeoutError:
        results.append("too late")
        for task in tasks.values():
            task.cancel()
    return results


async def by_one_name(jobs):
    tasks = []
    for job in jobs:
        task = asyncio.create_task(download(*job))
        tasks.append(task)
    for task in asyncio.as_completed(tasks):
        result = await task
        print("first:", result)
    for task in tasks:
        print(task.done(), end=" ")
    print()


async def main():
    await with_progress([("slow", 0.35), ("fast", 0.05), ("broken", 0.2)])
    print(await in_time([("a", 0.01), ("b", 5)], 0.4))
    await by_one_name([("late", 0.3), ("early", 0.02)])
    print(await in_time([("c", 0.2), ("d", 0.05)], 5))


asyncio.run(main())
