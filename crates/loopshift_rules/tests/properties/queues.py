import asyncio


class Pipeline:
    def __init__(self, size: int = 2) -> None:
        self.queue: asyncio.Queue[int | None] = asyncio.Queue(maxsize=size)
        self.done = asyncio.Event()
        self.lock = asyncio.Lock()

    async def produce(self):
        for i in range(5):
            await self.queue.put(i)
        await self.queue.put(None)

    async def consume(self, out: list):
        while (item := await self.queue.get()) is not None:
            async with self.lock:
                out.append(item)
        self.done.set()


async def drain(q: asyncio.Queue):
    while not q.empty():
        print(q.get_nowait())
    try:
        q.get_nowait()
    except asyncio.QueueEmpty:
        print("empty")


async def limited(sem, n):
    async with sem:
        await asyncio.sleep(0)
        return n


async def main():
    p = Pipeline()
    out = []
    await asyncio.gather(p.produce(), p.consume(out))
    await p.done.wait()
    q = asyncio.Queue()
    q.put_nowait(1)
    print(q.qsize(), q.full())
    await drain(q)
    sem = asyncio.Semaphore(2)
    print(await asyncio.gather(*(limited(sem, n) for n in range(3))))
    cond = asyncio.Condition()
    async with cond:
        cond.notify_all()
    fut = asyncio.get_running_loop().create_future()
    fut.set_result(5)
    print(await fut)


asyncio.run(main())
