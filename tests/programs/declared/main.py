# moves: fully
"""Classes that say what they will have before they have it."""
import asyncio
import dataclasses
import typing as t


@dataclasses.dataclass
class Request:
    name: str
    reply: t.Optional[asyncio.Future] = None


class Base:
    stopped: asyncio.Event
    task: "asyncio.Task[None] | None" = None

    def stop(self):
        self.stopped.set()


class Worker(Base):
    lock: asyncio.Lock
    requests: "asyncio.Queue[Request]"

    def __init__(self):
        self.stopped = asyncio.Event()
        self.lock = asyncio.Lock()
        self.requests = asyncio.Queue()
        self.done = 0

    async def run(self):
        while not self.stopped.is_set():
            request = await self.requests.get()
            async with self.lock:
                self.done += 1
                if request.reply is not None:
                    request.reply.set_result(f"{request.name} {self.done}")

    async def ask(self, name):
        request = Request(name, asyncio.get_running_loop().create_future())
        await self.requests.put(request)
        return await request.reply


async def main():
    worker = Worker()
    worker.task = asyncio.create_task(worker.run())
    await worker.requests.put(Request("nobody"))
    print(await worker.ask("a"))
    print(await worker.ask("b"))
    worker.stop()
    await worker.requests.put(Request("last"))
    await worker.task
    await worker.stopped.wait()
    print(worker.done)


asyncio.run(main())
