# moves: fully
"""A function has a group of its own for some tasks, and is handed another one for those that outlive it."""
import asyncio


async def fetch(name, found):
    await asyncio.sleep(0.01)
    found.append(name)


async def report(text, log):
    await asyncio.sleep(0.03)
    log.append(text)


def announce(text, log):
    asyncio.create_task(report(text, log))


async def batch(names, log):
    found = []
    jobs = [asyncio.create_task(fetch(name, found)) for name in names]
    await asyncio.wait(jobs)
    print(sorted(found))
    announce(f"fetched {len(found)}", log)


async def main():
    log = []
    await batch(["a", "b"], log)
    await batch(["c"], log)
    print(log)
    await asyncio.sleep(0.1)
    print(log)


if __name__ == "__main__":
    asyncio.run(main())
