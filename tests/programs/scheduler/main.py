# moves: fully
import asyncio
import time

from jobs import Job, JobFailed, Scheduler


async def quick(name):
    await asyncio.sleep(0.001)
    return name.upper()


async def stuck(name):
    await asyncio.sleep(30)


async def broken(name):
    raise KeyError(name)


async def main():
    scheduler = Scheduler(workers=3, default_timeout=5)
    scheduler.submit(Job("one", quick))
    scheduler.submit(Job("two", stuck, timeout=0.01))
    scheduler.submit(Job("three", broken, retries=2))
    scheduler.submit(Job("four", quick, priority=1))
    report = await scheduler.run()
    for name in sorted(report):
        print(name, report[name])
    print("elapsed is short:", scheduler.elapsed < 2)


if __name__ == '__main__':
    asyncio.run(main())
