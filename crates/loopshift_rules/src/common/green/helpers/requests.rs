//! Servers of `http.server`, whose handlers may wait.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_RequestServer",
        source: r#"class {name}:
    """Serve HTTP with a class of handlers that may wait, one connection after the other."""

    def __init__(self, server_address, RequestHandlerClass):
        self.socket = {@socket}.create_server(server_address, backlog=5)
        self.socket.setblocking(False)
        self.server_address = self.socket.getsockname()
        self.server_name = {@socket}.getfqdn(self.server_address[0])
        self.server_port = self.server_address[1]
        self.RequestHandlerClass = RequestHandlerClass
        self._serving, self._stopped = None, {@asyncio}.Event()

    async def serve_forever(self, poll_interval=0.5):
        self._serving = {@asyncio}.create_task(self._serve())
        try:
            await {@asyncio}.wait([self._serving])
        finally:
            self._serving.cancel()

    async def shutdown(self):
        self._stopped.set()
        if self._serving is not None:
            await {@asyncio}.wait([self._serving])

    def server_close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.server_close()

    async def _serve(self):
        stopped = {@asyncio}.create_task(self._stopped.wait())
        while not self._stopped.is_set():
            request = {@asyncio}.create_task(self.handle_request())
            await {@asyncio}.wait([request, stopped], return_when={@asyncio}.FIRST_COMPLETED)
            if not self._handles:
                request.cancel()
            await {@asyncio}.wait([request])
            if not request.cancelled():
                request.result()
        stopped.cancel()

    async def handle_request(self):
        self._handles = False
        sock, address = await {@asyncio}.get_running_loop().sock_accept(self.socket)
        self._handles = True
        await self._connected(sock, address)

    async def _connected(self, sock, address):
        reader, writer = await {@asyncio}.open_connection(sock=sock)
        handler = self.RequestHandlerClass.__new__(self.RequestHandlerClass)
        handler.server, handler.client_address, handler.close_connection = self, address, True
        handler.wfile = {@types}.SimpleNamespace(
            write=writer.write, writelines=writer.writelines, flush=lambda: None, closed=False
        )
        try:
            while line := await reader.readline():
                handler.raw_requestline = line
                await self._answer(handler, reader)
                await writer.drain()
                if handler.close_connection:
                    break
        except Exception:
            {@traceback}.print_exc()
        finally:
            writer.close()

    async def _answer(self, handler, reader):
        lines, size = [], 0
        while not lines or lines[-1].strip():
            lines.append(await reader.readline())
            name, _, value = lines[-1].partition(b":")
            if name.strip().lower() == b"content-length":
                size = int(value)
        handler.rfile = {@io}.BytesIO(b"".join(lines) + await reader.readexactly(size))
        if not handler.parse_request():
            return
        method = getattr(handler, "do_" + handler.command, None)
        if method is None:
            handler.send_error(501, f"Unsupported method ({{handler.command!r}})")
            return
        answered = method()
        if {@inspect}.isawaitable(answered):
            await answered
"#,
    },
    Helper {
        name: "_TaskRequestServer",
        source: r#"class {name}({#RequestServer}):
    """Serve HTTP with a class of handlers that may wait, each connection in a task."""

    async def _connected(self, sock, address, tasks=set()):
        task = {@asyncio}.create_task(super()._connected(sock, address))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
"#,
    },
];
