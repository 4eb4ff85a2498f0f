//! Servers.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_StreamServer",
        source: concat!(
            "\
class {name}:
    \"\"\"Accept connections, and handle each in a task of its own; one is closed when its handler ends.\"\"\"

    backlog, stop_timeout = 128, 1

    def __init__(self, listener, handle=None, backlog=None, spawn=\"default\"):
        self.socket = self._accepting = self._stopped = None
        self._tasks = set()
        self._size = spawn if isinstance(spawn, int) else getattr(spawn, \"size\", 0)
        if hasattr(listener, \"accept\"):
            self.socket, self.address = listener, listener.getsockname()
        elif isinstance(listener, tuple):
            self.address = listener
        else:
            host, colon, port = str(listener).rpartition(\":\")
            self.address = host.strip(\"[]*\") or colon and \"0.0.0.0\", int(port)
        if handle is not None:
            self.handle = handle
        if backlog is not None:
            self.backlog = backlog

",
            server_state!("_accepting"),
            "    def start(self):
        if self.socket is None:
            inet6 = not self.address[0] or \":\" in self.address[0]
            sock = {#Socket}({@socket}.AF_INET6 if inet6 else {@socket}.AF_INET)
            sock.setsockopt({@socket}.SOL_SOCKET, {@socket}.SO_REUSEADDR, 1)
            sock.bind(self.address)
            sock.listen(self.backlog)
            self.socket, self.address = sock, sock.getsockname()
        if self._accepting is None:
            self._stopped = {@asyncio}.Event()
            self._accepting = {@asyncio}.create_task(self._accept())

    async def serve_forever(self, stop_timeout=None):
        self.start()
        try:
            await self._stopped.wait()
        finally:
            await self.stop(stop_timeout)

    def close(self):
        if self._accepting is not None:
            self._accepting.cancel()
            self._stopped.set()
        if self.socket is not None:
            self.socket.close()
        self.socket = self._accepting = None

    async def stop(self, timeout=None):
        self.close()
        if self._size and self._tasks:
            timeout = self.stop_timeout if timeout is None else timeout
            _, rest = await {@asyncio}.wait(self._tasks, timeout=timeout)
            for task in rest:
                task.cancel()
            if rest:
                await {@asyncio}.wait(rest, timeout=1)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.stop()

    async def _accept(self):
        free = {@asyncio}.Semaphore(self._size) if self._size else None
        while True:
            if free:
                await free.acquire()
            sock, address = await self.socket.accept()
            task = {@asyncio}.create_task(self._serve(sock, address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if free:
                task.add_done_callback(lambda task: free.release())

    async def _serve(self, sock, address):
        with sock:
            await self.handle(sock, address)
"
        ),
    },
    Helper {
        name: "_DatagramServer",
        source: concat!(
            "\
class {name}:
    \"\"\"Receive datagrams, and handle each in a task of its own.\"\"\"

    def __init__(self, listener, handle=None):
        self.socket = self._receiving = self._stopped = None
        self._tasks = set()
        if hasattr(listener, \"accept\"):
            self.socket, self.address = listener, listener.getsockname()
        elif isinstance(listener, tuple):
            self.address = listener
        else:
            host, colon, port = str(listener).rpartition(\":\")
            self.address = host.strip(\"[]*\") or colon and \"0.0.0.0\", int(port)
        if handle is not None:
            self.handle = handle

",
            server_state!("_receiving"),
            "    def start(self):
        if self.socket is None:
            inet6 = not self.address[0] or \":\" in self.address[0]
            sock = {#Socket}({@socket}.AF_INET6 if inet6 else {@socket}.AF_INET, {@socket}.SOCK_DGRAM)
            sock.setsockopt({@socket}.SOL_SOCKET, {@socket}.SO_REUSEADDR, 1)
            sock.bind(self.address)
            self.socket, self.address = sock, sock.getsockname()
        if self._receiving is None:
            self._stopped = {@asyncio}.Event()
            self._receiving = {@asyncio}.create_task(self._receive())

    async def serve_forever(self, stop_timeout=None):
        self.start()
        try:
            await self._stopped.wait()
        finally:
            self.close()

    def close(self):
        if self._receiving is not None:
            self._receiving.cancel()
            self._stopped.set()
        if self.socket is not None:
            self.socket.close()
        self.socket = self._receiving = None

    async def stop(self, timeout=None):
        self.close()

    async def sendto(self, *args):
        await self.socket.sendto(*args)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.stop()

    async def _receive(self):
        while True:
            task = {@asyncio}.create_task(self.handle(*await self.socket.recvfrom(8192)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
"
        ),
    },
    Helper {
        name: "_StopServe",
        source: "\
class {name}(Exception):
    \"\"\"Ends a server from one of its handlers.\"\"\"
",
    },
    Helper {
        name: "_serve",
        source: "\
async def {name}(sock, handle, concurrency=1000):
    \"\"\"Accept connections, and handle so many at once; an error of a handler ends it.\"\"\"
    free, tasks = {@asyncio}.Semaphore(concurrency), set()
    failed = {@asyncio}.get_running_loop().create_future()

    async def run(conn, address):
        try:
            with conn:
                await handle(conn, address)
        except Exception as error:
            if not failed.done():
                failed.set_result(error)
        finally:
            free.release()

    async def accept():
        while True:
            conn, address = await sock.accept()
            await free.acquire()
            task = {@asyncio}.create_task(run(conn, address))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    accepting = {@asyncio}.create_task(accept())
    try:
        await {@asyncio}.wait([accepting, failed], return_when={@asyncio}.FIRST_COMPLETED)
    finally:
        accepting.cancel()
    if not failed.done():
        accepting.result()
    elif not isinstance(failed.result(), {#StopServe}):
        raise failed.result()
",
    },
    Helper {
        name: "_WSGIServer",
        source: "\
class {name}:
    \"\"\"Serve an application over HTTP.\"\"\"

    def __init__(self, listener, application):
        self.socket = self._serving = None
        self.address, self.application = listener, application
        if hasattr(listener, \"accept\"):
            self.socket, self.address = listener, listener.getsockname()

    @property
    def started(self):
        return self._serving is not None

    @property
    def closed(self):
        return self.socket is None

    @property
    def server_host(self):
        return self.address[0]

    @property
    def server_port(self):
        return self.address[1]

    def start(self):
        if self.socket is None:
            host, port = self.address
            family = {@socket}.AF_INET6 if not host or \":\" in host else {@socket}.AF_INET
            self.socket = {@socket}.create_server((host, port), family=family, backlog=128)
            self.address = self.socket.getsockname()
        if self._serving is None:
            config = {@uvicorn}.Config(self.application, lifespan=\"off\", log_level=\"warning\")
            self._server = {@uvicorn}.Server(config)
            sock = {@socket}.fromfd(self.socket.fileno(), self.socket.family, self.socket.type)
            self._serving = {@asyncio}.create_task(self._server.serve(sockets=[sock]))

    async def serve_forever(self, stop_timeout=None):
        self.start()
        await {@asyncio}.wait([self._serving])

    def close(self):
        if self._serving is not None:
            self._server.should_exit = True
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    async def stop(self, timeout=None):
        self.close()
        if self._serving is not None:
            await {@asyncio}.wait([self._serving])
        self._serving = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.stop()
",
    },
    Helper {
        name: "_serve_wsgi",
        source: "\
async def {name}(sock, application):
    \"\"\"Serve an application over HTTP, on a socket that listens.\"\"\"
    config = {@uvicorn}.Config(application, lifespan=\"off\", log_level=\"warning\", timeout_keep_alive=3600)
    own = {@socket}.fromfd(sock.fileno(), sock.family, sock.type)
    await {@uvicorn}.Server(config).serve(sockets=[own])
",
    },
    Helper {
        name: "_asgi",
        source: "\
def {name}(application):
    \"\"\"A WSGI application that is awaited, for servers of asyncio.\"\"\"

    async def run(scope, receive, send):
        body, more = b\"\", True
        while more:
            message = await receive()
            body += message.get(\"body\", b\"\")
            more = message.get(\"more_body\", False)
        environ = {{
            \"REQUEST_METHOD\": scope[\"method\"],
            \"SCRIPT_NAME\": \"\",
            \"PATH_INFO\": scope[\"path\"].encode().decode(\"latin-1\"),
            \"QUERY_STRING\": scope[\"query_string\"].decode(\"latin-1\"),
            \"SERVER_NAME\": scope[\"server\"][0],
            \"SERVER_PORT\": str(scope[\"server\"][1]),
            \"SERVER_PROTOCOL\": \"HTTP/\" + scope[\"http_version\"],
            \"wsgi.version\": (1, 0),
            \"wsgi.url_scheme\": scope[\"scheme\"],
            \"wsgi.input\": {@io}.BytesIO(body),
            \"wsgi.errors\": {@sys}.stderr,
            \"wsgi.multithread\": False,
            \"wsgi.multiprocess\": False,
            \"wsgi.run_once\": False,
        }}
        if scope.get(\"client\"):
            environ[\"REMOTE_ADDR\"], environ[\"REMOTE_PORT\"] = map(str, scope[\"client\"])
        for key, value in scope[\"headers\"]:
            key, value = key.decode(\"latin-1\").upper().replace(\"-\", \"_\"), value.decode(\"latin-1\")
            if key not in (\"CONTENT_TYPE\", \"CONTENT_LENGTH\"):
                key = \"HTTP_\" + key
            environ[key] = environ[key] + \",\" + value if key in environ else value
        start = {{\"type\": \"http.response.start\"}}

        def start_response(status, headers, exc_info=None):
            start[\"status\"] = int(status[:3])
            start[\"headers\"] = [
                (key.lower().encode(\"latin-1\"), value.encode(\"latin-1\")) for key, value in headers
            ]

        answer = await application(environ, start_response)
        try:
            await send(start)
            for data in answer:
                await send({{\"type\": \"http.response.body\", \"body\": data, \"more_body\": True}})
            await send({{\"type\": \"http.response.body\"}})
        finally:
            if hasattr(answer, \"close\"):
                answer.close()

    return run
",
    },
];
