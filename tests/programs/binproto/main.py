# moves: fully
import asyncio
import struct

from proto import Codec, ProtocolError


async def serve(reader, writer):
    codec = Codec(reader, writer)
    try:
        while True:
            kind, body = await codec.receive()
            if kind == 0:
                await codec.send(0, b"bye")
                break
            elif kind == 1:
                await codec.send(1, body[::-1])
            else:
                raise ProtocolError(kind)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        print("client left")
    except ProtocolError as exc:
        await codec.send(255, str(exc).encode())
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, host="127.0.0.1", port=0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        codec = Codec(reader, writer)
        await codec.send(1, b"abc")
        print(await codec.receive())
        await codec.send(1, b"")
        print(await codec.receive())
        await codec.send(0, b"")
        print(await codec.receive())
        writer.close()
        await writer.wait_closed()

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        codec = Codec(reader, writer)
        await codec.send(9, b"?")
        print(await codec.receive())
        try:
            await codec.receive()
        except asyncio.IncompleteReadError as error:
            print("eof", error.partial)
        writer.close()
        await writer.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
