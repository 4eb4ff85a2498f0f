# moves: fully
"""Closing a server leaves the connections that are still open to their handlers."""
import asyncio


class Shouter:
    def __init__(self):
        self.left = []

    async def __call__(self, reader, writer):
        name = "nobody"
        try:
            while line := await reader.readline():
                name = line.decode().strip()
                writer.write(line.upper())
                await writer.drain()
            await asyncio.sleep(0.05)
            print("said goodbye to", name)
        finally:
            self.left.append(name)
            writer.close()


async def visit(port, name):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(name.encode() + b"\n")
    await writer.drain()
    print((await reader.readline()).decode().strip())
    return writer


async def main():
    shouter = Shouter()
    server = await asyncio.start_server(shouter.__call__, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    writer = await visit(port, "ann")
    writer.close()
    await writer.wait_closed()
    server.close()
    print("closed", shouter.left)
    await asyncio.sleep(0.15)

    second = await asyncio.start_server(shouter.__call__, "127.0.0.1", 0)
    port = second.sockets[0].getsockname()[1]
    writer = await visit(port, "bob")
    second.close()
    print("closed", shouter.left)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.15)
    print(shouter.left)


asyncio.run(main())
