# moves: fully
import asyncio
import logging

from supervisor.manager import Manager
from supervisor.workers import CounterWorker, FlakyWorker, IdleWorker

logging.basicConfig(level=logging.CRITICAL)


async def main():
    manager = Manager()
    counter = CounterWorker("counter", limit=3)
    flaky = FlakyWorker("flaky", failures=2)
    idle = IdleWorker("idle")
    manager.register(counter)
    manager.register(flaky)
    manager.register(idle)

    await manager.start()
    print("running:", manager.running)
    await asyncio.wait_for(counter.finished.wait(), timeout=2)
    await asyncio.wait_for(flaky.recovered.wait(), timeout=2)
    await manager.stop()
    for event in manager.events():
        print(event)
    print("idle cleaned up:", idle.cleaned)
    print("running:", manager.running)


asyncio.run(main())
