# moves: fully
# A server that an object keeps and closes where the program ends: nobody sees that the connections that are left are cancelled.
import asyncio

from server import Server


async def ask(port, *words):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for word in words:
        writer.write(word + b"\n")
        await writer.drain()
        print(await reader.readline())
    return writer


async def main():
    async with Server() as server:
        first = await ask(server.port, b"one", b"two")
        second = await ask(server.port, b"three")
        second.close()
        await second.wait_closed()
    print("served", server.count)
    first.close()


asyncio.run(main())
