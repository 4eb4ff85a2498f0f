# moves: fully
"""Tasks that run on when the function that made them is cancelled or fails."""
import asyncio


async def handle(name):
    print("begin", name)
    await asyncio.sleep(0.12)
    print("end", name)


async def serve(queue):
    while True:
        name = await queue.get()
        asyncio.create_task(handle(name))


async def parse(items):
    for item in items:
        asyncio.create_task(handle(int(item)))
        await asyncio.sleep(0.02)
    while True:
        await asyncio.sleep(1)


class Cron:
    def __init__(self):
        self.running = set()
        self.runner = None

    async def start(self):
        self.runner = asyncio.create_task(self.run())

    async def stop(self):
        self.runner.cancel()
        try:
            await self.runner
        except asyncio.CancelledError:
            print("stopped")
        if self.running:
            await asyncio.wait(self.running)

    async def run(self):
        number = 0
        while True:
            task = asyncio.create_task(handle(f"job {number}"))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
            number += 1
            await asyncio.sleep(0.05)


async def main():
    queue = asyncio.Queue()
    server = asyncio.create_task(serve(queue))
    await queue.put("a")
    await asyncio.sleep(0.05)
    server.cancel()
    await asyncio.sleep(0.2)
    try:
        await parse(["1", "2", "x"])
    except ValueError as error:
        print("failed", error)
    await asyncio.sleep(0.2)
    cron = Cron()
    await cron.start()
    await asyncio.sleep(0.08)
    await cron.stop()
    print("bye")


asyncio.run(main())
