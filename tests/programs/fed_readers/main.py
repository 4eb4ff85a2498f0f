# moves: fully
"""Frames are read from connections, and by tests from readers that are fed by hand."""

import asyncio


class Closed(Exception):
    pass


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    try:
        size = await reader.readexactly(2)
        return await reader.readexactly(int.from_bytes(size, "big"))
    except asyncio.IncompleteReadError:
        raise Closed from None


async def fed():
    reader = asyncio.StreamReader()
    reader.feed_data(b"\x00\x03ab")
    waiting = asyncio.create_task(read_frame(reader))
    await asyncio.sleep(0.01)
    print(waiting.done())
    reader.feed_data(b"c\x00")
    print(await waiting)
    reader.feed_eof()
    try:
        await read_frame(reader)
    except Closed:
        print("closed")


def make():
    reader = asyncio.StreamReader()
    reader.feed_data(b"first\nsecond\nrest")
    reader.feed_eof()
    return reader


async def lines():
    reader = make()
    while line := await reader.readline():
        print(line)
    print(await reader.read())


async def handle(reader, writer):
    try:
        while True:
            frame = await read_frame(reader)
            writer.write(len(frame).to_bytes(2, "big") + frame[::-1])
            await writer.drain()
    except Closed:
        pass
    finally:
        writer.close()
        await writer.wait_closed()


async def served():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x00\x03xyz")
        await writer.drain()
        print(await read_frame(reader))
        writer.close()
        await writer.wait_closed()


async def main():
    await fed()
    await lines()
    await served()


asyncio.run(main())
