import asyncio
from typing import Dict


class ChatServer:
    """A line-based chat server. Every client says its name first."""

    def __init__(self, host: str, port: int):
        self.host = host
        self.port = port
        self.total = 0
        self._clients: Dict[str, asyncio.StreamWriter] = {}
        self._server = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._handle, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        self._clients[name] = writer
        self.total += 1
        await self._broadcast(f"* {name} joined", exclude=name)
        try:
            while True:
                line = await reader.readline()
                if not line:
                    break
                text = line.decode().rstrip("\n")
                if text == "/users":
                    users = ", ".join(sorted(self._clients))
                    writer.write(f"* users: {users}\n".encode())
                    await writer.drain()
                    continue
                await self._broadcast(f"{name}: {text}", exclude=name)
        finally:
            del self._clients[name]
            await self._broadcast(f"* {name} left", exclude=name)
            writer.close()
            await writer.wait_closed()

    async def _broadcast(self, message: str, exclude: str) -> None:
        for name, writer in self._clients.items():
            if name != exclude:
                writer.write(message.encode() + b"\n")
                await writer.drain()
