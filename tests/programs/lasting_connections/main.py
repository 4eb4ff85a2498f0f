# moves: fully
"""Objects that keep servers: who is connected when one is closed is served on."""
import asyncio


class Feed:
    def __init__(self, name):
        self.name = name
        self.server = None
        self.open = 0

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()
        print(self.name, "stopped with", self.open, "open")

    async def serve(self, reader, writer):
        self.open += 1
        try:
            for number in range(5):
                writer.write(f"{self.name} {number}\n".encode())
                await writer.drain()
                await asyncio.sleep(0.03)
        finally:
            self.open -= 1
            print(self.name, "connection ends")
            writer.close()


async def listen(port, lines):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while line := await reader.readline():
        lines.append(line.decode().strip())
        if len(lines) == 20:
            break
    writer.close()


async def refused(port):
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    return False


async def main():
    feed = Feed("first")
    port = await feed.start()
    lines = []
    task = asyncio.create_task(listen(port, lines))
    await asyncio.sleep(0.05)
    await feed.stop()
    print("refused", await refused(port))
    await task
    print(lines)
    other = Feed("second")
    port = await other.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    print(await reader.readline())
    await other.stop()
    print("the end")


asyncio.run(main())
