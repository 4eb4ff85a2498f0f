# moves: fully
import asyncio
import contextvars
from jobs.runner import Runner
from jobs.model import Job, JobFailed
from jobs.context import request_id


async def double(x):
    await asyncio.sleep(0.01)
    return (request_id.get(), x * 2)


async def boom():
    raise JobFailed("boom")


async def main():
    request_id.set("r1")
    async with Runner(limit=2) as runner:
        jobs = [runner.submit(Job(f"j{i}", double, (i,))) for i in range(4)]
        bad = runner.submit(Job("bad", boom, ()))
        for job in jobs:
            print(job.name, await job.result())
        try:
            await bad.result()
        except JobFailed as e:
            print("failed:", e)
    print(runner.stats)


if __name__ == "__main__":
    asyncio.run(main())
