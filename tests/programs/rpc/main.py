# moves: fully
import asyncio
import itertools
import json
import struct


class Connection:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def send(self, message):
        body = json.dumps(message).encode()
        self.writer.write(struct.pack("!I", len(body)) + body)
        await self.writer.drain()

    async def recv(self):
        head = await self.reader.readexactly(4)
        (size,) = struct.unpack("!I", head)
        return json.loads(await self.reader.readexactly(size))

    async def close(self):
        self.writer.close()
        await self.writer.wait_closed()


class Server:
    def __init__(self):
        self.methods = {"add": self.add, "slow": self.slow}
        self.server = None

    async def add(self, a, b):
        return a + b

    async def slow(self, n):
        await asyncio.sleep(n)
        return "slept"

    async def start(self):
        self.server = await asyncio.start_server(self.on_connect, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def on_connect(self, reader, writer):
        conn = Connection(reader, writer)
        try:
            while True:
                req = await conn.recv()
                method = self.methods.get(req["method"])
                if method is None:
                    await conn.send({"id": req["id"], "error": "no such method"})
                    continue
                result = await method(*req["params"])
                await conn.send({"id": req["id"], "result": result})
        except asyncio.IncompleteReadError:
            pass
        finally:
            await conn.close()

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()


class Client:
    def __init__(self, port):
        self.port = port
        self.ids = itertools.count(1)
        self.pending = {}
        self.conn = None
        self.task = None

    async def __aenter__(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.conn = Connection(reader, writer)
        self.task = asyncio.create_task(self._receive())
        return self

    async def __aexit__(self, *exc):
        self.task.cancel()
        try:
            await self.task
        except asyncio.CancelledError:
            pass
        await self.conn.close()

    async def _receive(self):
        while True:
            msg = await self.conn.recv()
            fut = self.pending.pop(msg["id"])
            if "error" in msg:
                fut.set_exception(RuntimeError(msg["error"]))
            else:
                fut.set_result(msg["result"])

    async def call(self, method, *params):
        ident = next(self.ids)
        fut = asyncio.get_running_loop().create_future()
        self.pending[ident] = fut
        await self.conn.send({"id": ident, "method": method, "params": params})
        return await asyncio.wait_for(fut, 2)


async def main():
    server = Server()
    port = await server.start()
    async with Client(port) as client:
        print(await client.call("add", 1, 2))
        print(await client.call("slow", 0.01))
        try:
            await client.call("nope")
        except RuntimeError as e:
            print("error", e)
        print(await asyncio.gather(*(client.call("add", i, i) for i in range(3))))
    await server.stop()


asyncio.run(main())
