# moves: fully
import asyncio


class Client:
    def __init__(self):
        self.pending = {}
        self.counter = 0
        self.wire = asyncio.Queue()

    async def request(self, text, timeout=1.0):
        self.counter += 1
        key = self.counter
        loop = asyncio.get_running_loop()
        fut = loop.create_future()
        self.pending[key] = fut
        await self.wire.put((key, text))
        try:
            return await asyncio.wait_for(fut, timeout)
        finally:
            self.pending.pop(key, None)

    def reply(self, key, value):
        fut = self.pending.get(key)
        if fut is not None and not fut.done():
            fut.set_result(value)

    def fail(self, key, exc):
        fut = self.pending.get(key)
        if fut is not None and not fut.done():
            fut.set_exception(exc)


async def server(client):
    while True:
        key, text = await client.wire.get()
        if text == "stop":
            client.reply(key, "bye")
            return
        if text.startswith("bad"):
            client.fail(key, ValueError(text))
        elif text != "silent":
            client.reply(key, text.upper())


async def main():
    client = Client()
    serving = asyncio.create_task(server(client))
    print(await client.request("hello"))
    try:
        await client.request("bad thing")
    except ValueError as error:
        print("error", error)
    try:
        await client.request("silent", timeout=0.05)
    except asyncio.TimeoutError:
        print("timeout")
    print(await client.request("stop"))
    await serving
    print(client.pending)


asyncio.run(main())
