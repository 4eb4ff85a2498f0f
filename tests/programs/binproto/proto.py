import asyncio
import struct

HEADER = struct.Struct("!BI")


class ProtocolError(Exception):
    pass


class Codec:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, kind: int, body: bytes) -> None:
        self.writer.write(HEADER.pack(kind, len(body)))
        self.writer.write(body)
        await self.writer.drain()

    async def receive(self) -> tuple:
        header = await self.reader.readexactly(HEADER.size)
        kind, size = HEADER.unpack(header)
        return kind, await self.reader.readexactly(size)
