# moves: fully
"""A method of a class makes objects that start tasks."""
import asyncio


class Client:
    count = 0

    def __init__(self, name, size=1):
        self.name = name
        self.size = size
        self.seen = []
        self.queue = asyncio.Queue()
        self.listener = asyncio.create_task(self.listen())

    @classmethod
    async def connect(cls, name, **options):
        await asyncio.sleep(0.01)
        cls.count += 1
        return cls(name, **options)

    async def listen(self):
        while True:
            self.seen.append(await self.queue.get())

    async def close(self):
        self.listener.cancel()
        try:
            await self.listener
        except asyncio.CancelledError:
            print(self.name, "closed", self.seen)


class Loud(Client):
    async def listen(self):
        while True:
            self.seen.append((await self.queue.get()).upper())


async def main():
    clients = [await Client.connect("a"), await Loud.connect("b", size=2)]
    for client in clients:
        await client.queue.put("hello")
    await asyncio.sleep(0.02)
    for client in clients:
        print(client.name, client.size)
        await client.close()
    print(Client.count, Loud.count)


asyncio.run(main())
