# moves: fully
"""An echo server with a line protocol, and a client that tries it."""
import gevent
from gevent import socket
from gevent.server import StreamServer

seen = []


def answer(sock, line):
    if line == b"bad\n":
        raise ValueError("bad")
    sock.sendall(line.upper())


def handle(sock, address):
    seen.append("connected from " + address[0])
    for line in sock.makefile("rb"):
        answer(sock, line)
        if line == b"bye\n":
            break
    seen.append("left")


def client(port, lines):
    sock = socket.create_connection(("127.0.0.1", port), timeout=5)
    got = []
    reader = sock.makefile("rb")
    for line in lines:
        sock.sendall(line)
        got.append(reader.readline())
    got.append(reader.read())
    sock.close()
    return got


def main():
    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    jobs = [gevent.spawn(client, server.server_port, [b"hello\n", name, b"bye\n"]) for name in (b"one\n", b"two\n")]
    gevent.joinall(jobs)
    for job in jobs:
        print(job.value)
    print(sorted(seen))
    server.stop()
    print(server.started, server.closed)


if __name__ == "__main__":
    main()
