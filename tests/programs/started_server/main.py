# moves: fully
"""A server that a function starts, which returns at once."""
import asyncio


async def echo(reader, writer):
    data = await reader.readline()
    writer.write(data.upper())
    await writer.drain()
    writer.close()


async def start(port=0):
    server = await asyncio.start_server(echo, "127.0.0.1", port)
    return server.sockets[0].getsockname()[1]


async def connect(port):
    return await asyncio.open_connection("127.0.0.1", port)


async def call(port, text):
    reader, writer = await connect(port)
    writer.write(text.encode() + b"\n")
    await writer.drain()
    try:
        return (await reader.readline()).decode().strip()
    finally:
        writer.close()
        await writer.wait_closed()


async def main():
    port = await start()
    await asyncio.sleep(0.01)
    print(await call(port, "one"), await call(port, "two"))


asyncio.run(main())
