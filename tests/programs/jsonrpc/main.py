# moves: fully
import asyncio
import json

from rpc.client import Client, RemoteError
from rpc.server import Server
from rpc.methods import dispatcher


async def session(port, number):
    async with Client("127.0.0.1", port) as client:
        total = 0
        for i in range(3):
            total = await client.call("add", total, number + i)
        return total


async def main():
    server = Server(dispatcher)
    async with server:
        print("sums", await asyncio.gather(*[session(server.port, n) for n in (1, 10, 100)]))
        async with Client("127.0.0.1", server.port) as client:
            print(await client.call("upper", "abc"))
            print(await client.call("sleepy", 0.001))
            for method, args in [("nope", ()), ("divide", (1, 0)), ("add", (1,))]:
                try:
                    await client.call(method, *args)
                except RemoteError as exc:
                    print(method, "->", exc.kind)
    print("calls", server.calls)


if __name__ == "__main__":
    asyncio.run(main())
