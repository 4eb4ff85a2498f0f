import asyncio


class Server:
    def __init__(self):
        self.count = 0
        self.port = 0
        self._server = None

    async def __aenter__(self):
        self._server = await asyncio.start_server(self.handle, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info):
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def handle(self, reader, writer):
        try:
            while line := await reader.readline():
                self.count += 1
                writer.write(line[::-1].strip() + b"\n")
                await writer.drain()
        finally:
            writer.close()
