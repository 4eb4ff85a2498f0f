# moves: fully
# What is raised while a server serves leaves it as it is, not in a group: also through a context manager.
import asyncio
import contextlib


async def handle(reader, writer):
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def talk(port, text):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text + b"\n")
    await writer.drain()
    line = await reader.readline()
    writer.close()
    if line != b"FINE\n":
        raise ValueError(line)
    print(line)



async def session(text):
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        await talk(server.sockets[0].getsockname()[1], text)
    finally:
        server.close()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def listening():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        print("closed")


async def main():
    for text in (b"fine", b"bad"):
        try:
            await session(text)
        except ValueError as exc:
            print("session", exc)
    try:
        async with listening() as port:
            await talk(port, b"fine")
            await talk(port, b"worse")
    except ValueError as exc:
        print("listening", exc)
    try:
        async with listening() as port:
            await asyncio.wait_for(asyncio.sleep(10), 0.05)
    except asyncio.TimeoutError:
        print("time is up")


asyncio.run(main())
