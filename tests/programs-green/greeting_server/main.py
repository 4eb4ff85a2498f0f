# moves: fully
"""A server whose class passes on what it is made with, and clients of it."""

import gevent
from gevent.server import StreamServer
from gevent import socket

class LineServer(StreamServer):
    def __init__(self, *args, **kwargs):
        self.greeting = kwargs.pop("greeting", b"hi")
        self.seen = []
        super().__init__(*args, **kwargs)

    def handle(self, sock, address):
        sock.sendall(self.greeting + b"\n")
        f = sock.makefile("rb")
        for line in f:
            line = line.strip()
            self.seen.append(line)
            if line == b"quit":
                break
            sock.sendall(line[::-1] + b"\n")
        f.close()
        sock.close()

def client(port, lines):
    s = socket.create_connection(("127.0.0.1", port))
    f = s.makefile("rwb")
    out = [f.readline()]
    for l in lines:
        f.write(l + b"\n")
        f.flush()
        out.append(f.readline())
    f.write(b"quit\n")
    f.flush()
    f.close()
    s.close()
    return out

def main():
    server = LineServer(("127.0.0.1", 0), greeting=b"welcome")
    server.start()
    print(client(server.server_port, [b"abc", b"def"]))
    a, b = [gevent.spawn(client, server.server_port, [x]) for x in (b"1234", b"xyz")]
    gevent.joinall([a, b])
    print(a.value, b.value)
    server.stop()
    print(sorted(server.seen))

main()
