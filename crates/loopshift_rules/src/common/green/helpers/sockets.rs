//! Sockets whose calls that wait are awaited, and the files over them.

use loopshift_python::edit::Helper;

/// The class of sockets. Two things differ between the libraries: what `recv` gives for a connection that is gone, and
/// what becomes of a wait when the socket is closed under it.
macro_rules! socket_class {
    ($read:literal, $close:literal) => {
        concat!(
            "\
class {name}({@socket}.socket):
    \"\"\"A socket whose calls that wait are awaited.\"\"\"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._patience = super().gettimeout()
        self._waits = {{}}
        super().setblocking(False)

    def settimeout(self, seconds):
        self._patience = seconds

    def gettimeout(self):
        return self._patience

    def setblocking(self, flag):
        self._patience = None if flag else 0.0

    async def accept(self):
        sock, address = await self._retry(False, super().accept)
        return {name}(fileno=sock.detach()), address

    async def connect(self, address):
        if self.family in ({@socket}.AF_INET, {@socket}.AF_INET6):
            try:
                {@socket}.inet_pton(self.family, address[0])
            except OSError:
                loop = {@asyncio}.get_running_loop()
                found = await loop.getaddrinfo(*address[:2], family=self.family, type=self.type)
                address = found[0][4]
        try:
            super().connect(address)
        except BlockingIOError:
            await self._wait(True)
            code = self.getsockopt({@socket}.SOL_SOCKET, {@socket}.SO_ERROR)
            if code:
                raise OSError(code, {@os}.strerror(code)) from None

    async def connect_ex(self, address):
        try:
            await self.connect(address)
        except OSError as error:
            return error.errno or {@errno}.EAGAIN
        return 0

",
            $read,
            "
    async def send(self, *args):
        return await self._retry(True, super().send, *args)

    async def sendto(self, *args):
        return await self._retry(True, super().sendto, *args)

    async def sendall(self, data, *args):
        rest = memoryview(data).cast(\"B\")
        while rest:
            rest = rest[await self.send(rest, *args):]

",
            $close,
            "
    async def _retry(self, write, call, *args):
        while True:
            try:
                return call(*args)
            except BlockingIOError:
                await self._wait(write)

    async def _wait(self, write):
        if self._patience == 0:
            raise BlockingIOError({@errno}.EAGAIN, {@os}.strerror({@errno}.EAGAIN))
        if write in self._waits:
            raise RuntimeError(\"another task waits for this socket\")
        loop = {@asyncio}.get_running_loop()
        fd, waiter = self.fileno(), loop.create_future()
        self._waits[write] = fd, waiter
        (loop.add_writer if write else loop.add_reader)(fd, self._wake, write)
        try:
            done, _ = await {@asyncio}.wait([waiter], timeout=self._patience)
        finally:
            if not waiter.done():
                self._wake(write)
        if not done:
            raise {@socket}.timeout(\"timed out\")
        if waiter.result():
            raise waiter.result()

    def _wake(self, write, error=None):
        if write in self._waits:
            fd, waiter = self._waits.pop(write)
            loop = waiter.get_loop()
            (loop.remove_writer if write else loop.remove_reader)(fd)
            waiter.set_result(error)
"
        )
    };
}

/// What a file over a socket begins with: it holds the socket open, as files do.
macro_rules! socket_file {
    ($doc:literal, $rest:literal) => {
        concat!(
            "\
class {name}:
    \"\"\"",
            $doc,
            "\"\"\"

    def __init__(self, sock, mode=\"r\", buffering=-1, encoding=None, errors=None, newline=None):
        sock._io_refs += 1
        self._sock, self._at_once = sock, buffering == 0
        self._in, self._out, self.closed = bytearray(), bytearray(), False
",
            $rest,
            "
    async def flush(self):
        data = bytes(self._out)
        self._out.clear()
        await self._sock.sendall(data)

    async def close(self):
        if not self.closed:
            try:
                await self.flush()
            finally:
                self._let_go()

    def _let_go(self):
        self.closed = True
        self._sock._decref_socketios()

    def __del__(self):
        if not self.closed:
            if self._out and self._sock.fileno() >= 0:
                {@socket}.socket.send(self._sock, self._out)
            self._let_go()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.close()

    def __aiter__(self):
        return self

    async def __anext__(self):
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def readlines(self):
        return [line async for line in self]

    async def writelines(self, lines):
        for line in lines:
            await self.write(line)

    async def _read(self, size):
        while (size < 0 or len(self._in) < size) and await self._fill():
            pass
        return self._take(len(self._in) if size < 0 else size)

    async def _readline(self):
        while (end := self._in.find(b\"\\n\")) < 0 and await self._fill():
            pass
        return self._take(end + 1 or len(self._in))

    async def _fill(self):
        data = await self._sock.recv(8192)
        self._in += data
        return bool(data)

    def _take(self, size):
        data = bytes(self._in[:size])
        del self._in[:size]
        return data

    async def _write(self, data):
        self._out += data
        if self._at_once or len(self._out) > 8192:
            await self.flush()
"
        )
    };
}

/// The sockets of eventlet: a connection that is gone has nothing more to read, and a wait does not notice when the
/// socket is closed.
pub(super) static OF_EVENTLET: Helper = Helper {
    name: "_Socket",
    source: socket_class!(
        "    \
    async def recv(self, *args):
        return await self._read(b\"\", super().recv, *args)

    async def recv_into(self, *args):
        return await self._read(0, super().recv_into, *args)

    async def recvfrom(self, *args):
        return await self._read(b\"\", super().recvfrom, *args)

    async def _read(self, nothing, call, *args):
        try:
            return await self._retry(False, call, *args)
        except OSError as error:
            if error.errno in ({@errno}.ECONNRESET, {@errno}.ENOTCONN, {@errno}.ESHUTDOWN):
                return nothing
            raise
",
        "    \
    def close(self):
        waits = self._waits
        super().close()
        if self.fileno() < 0:
            self._waits = {{}}
            for write, (fd, waiter) in waits.items():
                loop = waiter.get_loop()
                (loop.remove_writer if write else loop.remove_reader)(fd)
"
    ),
};

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_Socket",
        source: socket_class!(
            "    \
    async def recv(self, *args):
        return await self._retry(False, super().recv, *args)

    async def recv_into(self, *args):
        return await self._retry(False, super().recv_into, *args)

    async def recvfrom(self, *args):
        return await self._retry(False, super().recvfrom, *args)
",
            "    \
    def shutdown(self, how):
        for write in list(self._waits):
            if how in ({@socket}.SHUT_RDWR, int(write)):
                self._wake(write, OSError({@errno}.EBADF, {@os}.strerror({@errno}.EBADF)))
        super().shutdown(how)

    def close(self):
        super().close()
        for write in list(self._waits):
            if self.fileno() < 0:
                self._wake(write, OSError({@errno}.EBADF, {@os}.strerror({@errno}.EBADF)))
"
        ),
    },
    Helper {
        name: "_SocketFile",
        source: socket_file!(
            "What `makefile` gives, with the calls that wait awaited.",
            "
    async def read(self, size=-1):
        return await self._read(-1 if size is None else size)

    async def readline(self):
        return await self._readline()

    async def readinto(self, buffer):
        data = await self._read(len(buffer))
        buffer[:len(data)] = data
        return len(data)

    async def write(self, data):
        await self._write(data)
        return len(data)
"
        ),
    },
    Helper {
        name: "_SocketTextFile",
        source: socket_file!(
            "What `makefile` gives for text, with the calls that wait awaited.",
            "        self._encoding, self._errors = encoding or \"utf-8\", errors or \"strict\"
        self._newline, self._lines = newline, buffering == 1

    async def read(self):
        return self._decoded(await self._read(-1))

    async def readline(self):
        return self._decoded(await self._readline())

    async def write(self, text):
        await self._write(text.encode(self._encoding, self._errors))
        if self._lines and \"\\n\" in text:
            await self.flush()
        return len(text)

    def _decoded(self, data):
        text = data.decode(self._encoding, self._errors)
        return text if self._newline == \"\" else text.replace(\"\\r\\n\", \"\\n\")
"
        ),
    },
    Helper {
        name: "_create_server",
        source: "\
def {name}(*args, **kwargs):
    \"\"\"A socket that listens.\"\"\"
    return {#Socket}(fileno={@socket}.create_server(*args, **kwargs).detach())
",
    },
    Helper {
        name: "_socketpair",
        source: "\
def {name}(*args, **kwargs):
    \"\"\"Two sockets that are connected.\"\"\"
    return tuple({#Socket}(fileno=sock.detach()) for sock in {@socket}.socketpair(*args, **kwargs))
",
    },
    Helper {
        name: "_connect",
        source: "\
async def {name}(addr, family={@socket}.AF_INET, bind=None):
    \"\"\"A socket that is connected to an address.\"\"\"
    sock = {#Socket}(family, {@socket}.SOCK_STREAM)
    if bind is not None:
        sock.bind(bind)
    await sock.connect(addr)
    return sock
",
    },
    Helper {
        name: "_create_connection",
        source: "\
async def {name}(address, timeout=-1, source_address=None):
    \"\"\"A socket that is connected to a host, by the first of its addresses that answers.\"\"\"
    host, port = address
    try:
        found = {@socket}.getaddrinfo(host, port, type={@socket}.SOCK_STREAM, flags={@socket}.AI_NUMERICHOST)
    except {@socket}.gaierror:
        found = await {@asyncio}.get_running_loop().getaddrinfo(host, port, type={@socket}.SOCK_STREAM)
    failed = OSError(\"the host has no address\")
    for family, kind, proto, _, place in found:
        sock = {#Socket}(family, kind, proto)
        try:
            if timeout != -1:
                sock.settimeout(timeout)
            if source_address:
                sock.bind(source_address)
            await sock.connect(place)
            return sock
        except OSError as error:
            sock.close()
            failed = error
    raise failed
",
    },
    Helper {
        name: "_listen",
        source: "\
def {name}(addr, family={@socket}.AF_INET, backlog=50, reuse_addr=True, reuse_port=None):
    \"\"\"A socket that listens; other processes may listen on the same port.\"\"\"
    sock = {#Socket}(family, {@socket}.SOCK_STREAM)
    if reuse_addr:
        sock.setsockopt({@socket}.SOL_SOCKET, {@socket}.SO_REUSEADDR, 1)
    if reuse_port is None:
        reuse_port = family in ({@socket}.AF_INET, {@socket}.AF_INET6) and addr[1] != 0
    if reuse_port and hasattr({@socket}, \"SO_REUSEPORT\"):
        sock.setsockopt({@socket}.SOL_SOCKET, {@socket}.SO_REUSEPORT, 1)
    sock.bind(addr)
    sock.listen(backlog)
    return sock
",
    },
    Helper {
        name: "_wait_read",
        source: "\
async def {name}(fileno, timeout=None, timeout_exc={@socket}.timeout(\"timed out\")):
    \"\"\"Wait until a file can be read.\"\"\"
    loop = {@asyncio}.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fileno, lambda: ready.done() or ready.set_result(None))
    try:
        await {@asyncio}.wait([ready], timeout=timeout)
    finally:
        loop.remove_reader(fileno)
    if not ready.done():
        raise timeout_exc
",
    },
    Helper {
        name: "_wait_write",
        source: "\
async def {name}(fileno, timeout=None, timeout_exc={@socket}.timeout(\"timed out\")):
    \"\"\"Wait until a file can be written to.\"\"\"
    loop = {@asyncio}.get_running_loop()
    ready = loop.create_future()
    loop.add_writer(fileno, lambda: ready.done() or ready.set_result(None))
    try:
        await {@asyncio}.wait([ready], timeout=timeout)
    finally:
        loop.remove_writer(fileno)
    if not ready.done():
        raise timeout_exc
",
    },
    Helper {
        name: "_select",
        source: "\
async def {name}(rlist, wlist, xlist, timeout=None):
    \"\"\"Wait until some of the files are ready; those that are.\"\"\"
    found = {@select}.select(rlist, wlist, xlist, 0)
    if any(found) or timeout == 0:
        return found
    loop = {@asyncio}.get_running_loop()
    ready = loop.create_future()

    def wake():
        if not ready.done():
            ready.set_result(None)

    for file in rlist:
        loop.add_reader(file, wake)
    for file in wlist:
        loop.add_writer(file, wake)
    try:
        await {@asyncio}.wait([ready], timeout=timeout)
    finally:
        for file in rlist:
            loop.remove_reader(file)
        for file in wlist:
            loop.remove_writer(file)
    return {@select}.select(rlist, wlist, xlist, 0)
",
    },
];
