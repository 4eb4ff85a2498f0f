# moves: fully
import asyncio


class Step:
    def __init__(self, name, log, duration):
        self.name, self.log, self.duration = name, log, duration

    async def run(self):
        self.log.append(f"{self.name} start")
        try:
            await asyncio.sleep(self.duration)
            self.log.append(f"{self.name} done")
        except asyncio.CancelledError:
            self.log.append(f"{self.name} cancelled")
            raise
        finally:
            self.log.append(f"{self.name} finally")


async def sequence(steps):
    for step in steps:
        await step.run()


async def with_deadline(coro, seconds, log):
    try:
        await asyncio.wait_for(coro, seconds)
    except asyncio.TimeoutError:
        log.append("deadline")
        return False
    return True


async def main():
    log = []
    ok = await with_deadline(sequence([Step("a", log, 0.001), Step("b", log, 60)]), 0.05, log)
    print(ok, log)

    log = []
    task = asyncio.create_task(sequence([Step("c", log, 60)]))
    await asyncio.sleep(0.01)
    task.cancel()
    results = await asyncio.gather(task, return_exceptions=True)
    print(type(results[0]).__name__, log)

    log = []
    outer = asyncio.create_task(with_deadline(Step("d", log, 60).run(), 60, log))
    await asyncio.sleep(0.01)
    outer.cancel()
    try:
        await outer
    except asyncio.CancelledError:
        print("outer cancelled", outer.cancelled(), log)


asyncio.run(main())
