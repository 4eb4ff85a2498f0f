import asyncio
import json
import logging

logger = logging.getLogger(__name__)


class Server:
    def __init__(self, methods):
        self._methods = methods
        self._server = None
        self.calls = 0

    @property
    def port(self):
        return self._server.sockets[0].getsockname()[1]

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc):
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            while line := await reader.readline():
                request = json.loads(line)
                response = await self._call(request)
                writer.write(json.dumps(response).encode() + b"\n")
                await writer.drain()
        except ConnectionResetError:
            logger.debug("client went away")
        finally:
            writer.close()

    async def _call(self, request):
        self.calls += 1
        func = self._methods.get(request["method"])
        if func is None:
            return {"id": request["id"], "error": "MethodNotFound"}
        try:
            return {"id": request["id"], "result": await func(*request["params"])}
        except Exception as exc:
            return {"id": request["id"], "error": type(exc).__name__}
