# moves: fully
import asyncio


async def exchange(reader, writer, text):
    """All streams of the program meet here."""
    writer.write(text.encode() + b"\n")
    await writer.drain()
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer.decode().strip()


async def shout(reader, writer):
    line = await reader.readline()
    writer.write(line.upper())
    await writer.drain()
    writer.close()


async def ask_1(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "one")


async def ask_2(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "two")


async def ask_3(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "three")


async def ask_4(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "four")


async def ask_5(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "five")


async def ask_6(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "six")


async def ask_7(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "seven")


async def ask_8(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "eight")


async def ask_9(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "nine")


async def ask_10(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "ten")


async def ask_11(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "eleven")


async def ask_12(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "twelve")


async def ask_13(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "thirteen")


async def ask_14(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return await exchange(reader, writer, "fourteen")


async def main():
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for ask in [ask_1, ask_2, ask_3, ask_4, ask_5, ask_6, ask_7, ask_8, ask_9, ask_10, ask_11, ask_12, ask_13, ask_14]:
            print(await ask(port))


asyncio.run(main())
