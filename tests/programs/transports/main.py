# moves: fully
import abc
import asyncio


class Transport(abc.ABC):
    @abc.abstractmethod
    async def send(self, data): ...

    @abc.abstractmethod
    async def recv(self): ...

    async def ask(self, data, timeout):
        await self.send(data)
        async with asyncio.timeout(timeout):
            return await self.recv()


class Memory(Transport):
    def __init__(self, inbox, outbox):
        self.inbox, self.outbox = inbox, outbox

    async def send(self, data):
        await self.outbox.put(data)

    async def recv(self):
        return await self.inbox.get()


def pair():
    a, b = asyncio.Queue(), asyncio.Queue()
    return Memory(a, b), Memory(b, a)


async def echo(transport, times):
    for _ in range(times):
        data = await transport.recv()
        await transport.send(data[::-1])


async def main():
    left, right = pair()
    task = asyncio.create_task(echo(right, 2))
    print(await left.ask("abc", 1))
    print(await left.ask("hello", 1))
    try:
        await left.ask("nobody", 0.02)
    except TimeoutError:
        print("no answer")
    await task


asyncio.run(main())
