# moves: fully
import asyncio
from dataclasses import dataclass


@dataclass
class Message:
    kind: str
    value: int = 0
    reply: "asyncio.Future | None" = None


class Actor:
    def __init__(self, name: str):
        self.name = name
        self.mailbox: asyncio.Queue[Message] = asyncio.Queue()
        self.state = 0

    async def run(self):
        while True:
            msg = await self.mailbox.get()
            if msg.kind == "stop":
                break
            handler = getattr(self, f"on_{msg.kind}")
            result = await handler(msg.value)
            if msg.reply is not None:
                msg.reply.set_result(result)

    async def tell(self, kind, value=0):
        await self.mailbox.put(Message(kind, value))

    async def ask(self, kind, value=0):
        reply = asyncio.get_running_loop().create_future()
        await self.mailbox.put(Message(kind, value, reply))
        return await reply

    async def on_add(self, value):
        await asyncio.sleep(0)
        self.state += value
        return self.state

    async def on_get(self, _):
        return self.state


async def main():
    actors = [Actor("a"), Actor("b")]
    async with asyncio.TaskGroup() as tg:
        for actor in actors:
            tg.create_task(actor.run())
        for i in range(5):
            await actors[i % 2].tell("add", i)
        print(await asyncio.gather(*(a.ask("get") for a in actors)))
        print(await actors[0].ask("add", 100))
        for a in actors:
            await a.tell("stop")
    print([a.state for a in actors])


asyncio.run(main())
