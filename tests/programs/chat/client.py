import asyncio


class ChatClient:
    def __init__(self, name, host, port):
        self.name = name
        self.host = host
        self.port = port
        self.reader = None
        self.writer = None

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        await self.say(self.name)

    async def say(self, text):
        self.writer.write(f"{text}\n".encode())
        await self.writer.drain()

    async def receive(self):
        line = await asyncio.wait_for(self.reader.readline(), 2)
        return line.decode().rstrip()

    async def expect(self, part):
        line = await self.receive()
        assert part in line, line
        print(f"{self.name} saw: {line}")

    async def close(self):
        self.writer.close()
        await self.writer.wait_closed()
