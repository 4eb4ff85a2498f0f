//! Small servers of HTTP, for programs that are their own clients.
//!
//! They answer as `gevent.pywsgi` and `eventlet.wsgi` do: with the same status line, headers in the same order, the same
//! way to give an answer without a length, and the same answer to an error.

use loopshift_python::edit::Helper;

/// Reads a request, and makes the environment of the application. What differs of the libraries is put in between.
macro_rules! request {
    ($before:literal, $environ:literal, $joined:literal) => {
        concat!(
            r#"
    server, client = (writer.get_extra_info(name) for name in ("sockname", "peername"))
    keep = True
    try:
        while keep:
"#,
            $before,
            r#"            if not line:
                break
            method, target, version = line.decode("latin-1").split()
            path, mark, query = target.partition("?")
            environ = {{
                "GATEWAY_INTERFACE": "CGI/1.1",
                "REQUEST_METHOD": method,
                "SCRIPT_NAME": "",
                "PATH_INFO": {@urllib.parse}.unquote(path, "latin-1"),
                "SERVER_PORT": str(server[1]),
                "REMOTE_ADDR": client[0],
                "REMOTE_PORT": str(client[1]),
                "wsgi.version": (1, 0),
                "wsgi.url_scheme": "http",
                "wsgi.errors": {@sys}.stderr,
                "wsgi.multiprocess": False,
                "wsgi.run_once": False,
"#,
            $environ,
            r#"            }}
            while line := (await reader.readline()).decode("latin-1").strip():
                key, _, value = line.partition(":")
                if "_" in key:
                    continue
                key = key.upper().replace("-", "_")
                if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                    key = "HTTP_" + key
                    if key in environ:
                        value = environ[key] + "#,
            $joined,
            r#" + value.strip()
                environ[key] = value.strip()
            if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = b""
            if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
                while size := int((await reader.readline()).partition(b";")[0], 16):
                    body += await reader.readexactly(size)
                    await reader.readline()
                await reader.readline()
            else:
                body = await reader.readexactly(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = {@io}.BytesIO(body)
            connection = environ.get("HTTP_CONNECTION", "").lower()
            keep = connection != "close" if version == "HTTP/1.1" else connection == "keep-alive"
            head, answer, chunked = [], None, None

            def start_response(status, headers, exc_info=None):
                if exc_info and chunked is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
                head[:] = status, list(headers)
                return write
"#
        )
    };
}

/// Asks the application, and makes the parts of its answer: those of one that waits between them are awaited.
macro_rules! answer {
    () => {
        r#"
            async def parts():
                if hasattr(answer, "__aiter__"):
                    async for data in answer:
                        yield data
                else:
                    for data in answer:
                        yield data

            try:
                answer = application(environ, start_response)
                if {@inspect}.isawaitable(answer):
                    answer = await answer
"#
    };
}

/// Ends the answer, and the connection.
macro_rules! end {
    () => {
        r#"            finally:
                close = getattr(answer, "aclose", None) or getattr(answer, "close", None)
                closed = close and close()
                if {@inspect}.isawaitable(closed):
                    await closed
            await writer.drain()
    except (ConnectionError, {@asyncio}.IncompleteReadError):
        pass
    finally:
"#
    };
}

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_http",
        source: concat!(
            r#"async def {name}(application, reader, writer):
    """Answer the requests that come over a connection with a WSGI application."""
"#,
            request!(
                "            line = await reader.readline()\n",
                r#"                "QUERY_STRING": query,
                "SERVER_NAME": {@socket}.getfqdn(server[0]),
                "SERVER_PROTOCOL": version,
                "wsgi.input_terminated": True,
                "wsgi.multithread": False,
"#,
                r#"("; " if "COOKIE" in key else ",")"#
            ),
            r#"
            def write(data):
                nonlocal chunked, keep
                if chunked is None:
                    status, headers = head
                    names = {{name.lower(): value for name, value in headers}}
                    if names.get("connection") == "close":
                        keep = False
                    if version == "HTTP/1.0" and "connection" not in names:
                        headers.append(("Connection", "keep-alive" if keep else "close"))
                    if "date" not in names:
                        headers.append(("Date", {@email.utils}.formatdate(usegmt=True)))
                    chunked = False
                    if status[:3] not in ("204", "304") and "content-length" not in names:
                        if hasattr(answer, "__len__"):
                            headers.append(("Content-Length", str(sum(map(len, answer)))))
                        elif version != "HTTP/1.0":
                            headers.append(("Transfer-Encoding", "chunked"))
                            chunked = True
                    lines = ["HTTP/1.1 " + status, *map(": ".join, headers), "", ""]
                    writer.write("\r\n".join(lines).encode("latin-1"))
                if data:
                    writer.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
"#,
            answer!(),
            r#"                async for data in parts():
                    if data:
                        write(data)
                        await writer.drain()
                if chunked is None:
                    write(b"")
                if chunked:
                    writer.write(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                keep = False
            except Exception:
                {@traceback}.print_exc()
                keep = False
                if chunked is None:
                    headers = [("Content-Type", "text/plain"), ("Connection", "close"), ("Content-Length", "21")]
                    start_response("500 Internal Server Error", headers)
                    write(b"Internal Server Error")
"#,
            end!(),
            "        writer.close()\n",
        ),
    },
    Helper {
        name: "_HTTPServer",
        source: concat!(
            r#"class {name}:
    """Serve a WSGI application over HTTP, each connection in a task."""

    def __init__(self, listener, application):
        self.socket = self._accepting = None
        self.address, self.application = listener, application
        self._tasks = set()

"#,
            server_state!("_accepting"),
            r#"    def start(self):
        if self.socket is None:
            self.socket = {@socket}.create_server(self.address, backlog=128)
            self.socket.setblocking(False)
            self.address = self.socket.getsockname()
        if self._accepting is None:
            self._accepting = {@asyncio}.create_task(self._accept())

    async def serve_forever(self, stop_timeout=None):
        self.start()
        try:
            await {@asyncio}.wait([self._accepting])
        finally:
            self.close()

    def close(self):
        if self._accepting is not None:
            self._accepting.get_loop().remove_reader(self.socket.fileno())
            self._accepting.cancel()
        if self.socket is not None:
            self.socket.close()
        self.socket = self._accepting = None

    async def stop(self, timeout=None):
        self.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.stop()

    async def _accept(self):
        loop = {@asyncio}.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self.socket)
            connection = await {@asyncio}.open_connection(sock=sock)
            task = {@asyncio}.create_task({#http}(self.application, *connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
"#,
        ),
    },
    Helper {
        name: "_LimitedHTTPServer",
        source: r#"class {name}({#HTTPServer}):
    """Serve so many connections at a time; others are taken when one has ended."""

    def __init__(self, listener, application, size):
        super().__init__(listener, application)
        self._room = {@asyncio}.Semaphore(size)

    async def _accept(self):
        loop = {@asyncio}.get_running_loop()
        while True:
            await self._room.acquire()
            sock, _ = await loop.sock_accept(self.socket)
            connection = await {@asyncio}.open_connection(sock=sock)
            task = {@asyncio}.create_task({#http}(self.application, *connection))
            self._tasks.add(task)
            task.add_done_callback(self._leave)

    def _leave(self, task):
        self._tasks.discard(task)
        self._room.release()
"#,
    },
    Helper {
        name: "_http_answers",
        source: concat!(
            r#"async def {name}(application, reader, writer, idle):
    """Answer the requests that come over a connection with a WSGI application; `idle` are those that wait for one."""
"#,
            request!(
                "            idle.add(writer)
            line = await reader.readline()
            idle.discard(writer)
",
                r#"                "RAW_PATH_INFO": path,
                "CONTENT_TYPE": "text/plain",
                "SERVER_NAME": server[0],
                "SERVER_PROTOCOL": "HTTP/1.0",
                "wsgi.multithread": True,
                **({{"QUERY_STRING": query}} if mark else {{}}),
"#,
                r#"",""#
            ),
            r#"
            def write(data):
                nonlocal chunked, keep
                lines = b""
                if chunked is None:
                    status, headers = head
                    headers = [("-".join(map(str.capitalize, name.split("-"))), value) for name, value in headers]
                    names = {{name.lower() for name, value in headers}}
                    bodyless = status[0] == "1" or status[:3] in ("204", "304") or method == "HEAD"
                    if "content-length" not in names and not bodyless and hasattr(answer, "__len__"):
                        headers.append(("Content-Length", str(sum(map(len, answer)))))
                        names.add("content-length")
                    if "date" not in names:
                        headers.append(("Date", {@email.utils}.formatdate(usegmt=True)))
                    chunked = False
                    if "content-length" not in names and not bodyless:
                        chunked = version == "HTTP/1.1"
                        keep = keep and chunked
                        if chunked:
                            headers.append(("Transfer-Encoding", "chunked"))
                    if not keep:
                        headers.append(("Connection", "close"))
                    elif connection == "keep-alive":
                        headers.append(("Connection", "keep-alive"))
                    head_lines = ["HTTP/1.1 " + status, *(f"{{name}}: {{value}}" for name, value in headers), "", ""]
                    lines = "\r\n".join(head_lines).encode("latin-1")
                writer.write(lines + (b"%x\r\n%b\r\n" % (len(data), data) if chunked else data))
"#,
            answer!(),
            r#"                gathered = b""
                async for data in parts():
                    gathered += data.encode("ascii") if isinstance(data, str) else data
                    if len(gathered) >= 4096:
                        write(gathered)
                        await writer.drain()
                        gathered = b""
                if gathered:
                    write(gathered)
                if chunked is None or chunked:
                    write(b"")
            except Exception:
                keep = False
                if chunked is None:
                    body = {@traceback}.format_exc().encode()
                    headers = [("Content-type", "text/plain"), ("Content-length", len(body))]
                    start_response("500 Internal Server Error", headers)
                    write(body)
"#,
            end!(),
            "        idle.discard(writer)
        writer.close()
",
        ),
    },
    Helper {
        name: "_serve_http",
        source: r#"async def {name}(sock, application):
    """Serve a WSGI application over HTTP, on a socket that listens, each connection in a task."""
    idle, tasks = set(), set()
    try:
        while True:
            conn, _ = await sock.accept()
            connection = await {@asyncio}.open_connection(sock={@socket}.socket(fileno=conn.detach()))
            task = {@asyncio}.create_task({#http_answers}(application, *connection, idle))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    finally:
        for writer in idle:
            writer.close()
        sock.close()
"#,
    },
];
