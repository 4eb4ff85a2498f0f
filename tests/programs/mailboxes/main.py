# moves: fully
import asyncio
import contextlib


class Actor:
    def __init__(self):
        self._inbox = asyncio.Queue()
        self._task = None

    async def start(self):
        self._task = asyncio.create_task(self._loop())
        return self

    async def stop(self):
        await self._inbox.put(None)
        await self._task

    async def ask(self, message):
        reply = asyncio.get_running_loop().create_future()
        await self._inbox.put((message, reply))
        return await reply

    def tell(self, message):
        self._inbox.put_nowait((message, None))

    async def _loop(self):
        while True:
            item = await self._inbox.get()
            if item is None:
                break
            message, reply = item
            try:
                result = await self.receive(message)
            except Exception as exc:
                if reply is not None:
                    reply.set_exception(exc)
            else:
                if reply is not None and not reply.cancelled():
                    reply.set_result(result)

    async def receive(self, message):
        raise NotImplementedError


class Counter(Actor):
    def __init__(self):
        super().__init__()
        self.value = 0

    async def receive(self, message):
        if message == "get":
            return self.value
        if message == "bad":
            raise KeyError("bad")
        self.value += message
        await asyncio.sleep(0)
        return self.value


@contextlib.asynccontextmanager
async def running(actor):
    await actor.start()
    try:
        yield actor
    finally:
        await actor.stop()


async def main():
    async with running(Counter()) as counter:
        for i in range(5):
            counter.tell(i)
        print(await counter.ask("get"))
        print(await counter.ask(10))
        try:
            await counter.ask("bad")
        except KeyError as e:
            print("KeyError", e)


asyncio.run(main())
