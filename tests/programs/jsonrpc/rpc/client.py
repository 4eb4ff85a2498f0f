import asyncio
import itertools
import json


class RemoteError(Exception):
    def __init__(self, kind):
        super().__init__(kind)
        self.kind = kind


class Client:
    def __init__(self, host, port):
        self._address = (host, port)
        self._ids = itertools.count(1)

    async def __aenter__(self):
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(self, *exc):
        self._writer.close()
        await self._writer.wait_closed()

    async def call(self, method, *params):
        request = {"id": next(self._ids), "method": method, "params": params}
        self._writer.write(json.dumps(request).encode() + b"\n")
        await self._writer.drain()
        response = json.loads(await self._reader.readline())
        assert response["id"] == request["id"]
        if "error" in response:
            raise RemoteError(response["error"])
        return response["result"]
