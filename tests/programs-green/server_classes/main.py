# moves: fully
"""A hierarchy of servers, each with its own commands."""
import gevent
from gevent import socket
from gevent.server import StreamServer


class BaseHandler(StreamServer):
    banner = "base"

    def handle(self, sock, address):
        session = self.make_session(sock)
        session.run()

    def make_session(self, sock):
        return Session(sock, self)

    def command(self, session, word, rest):
        if word == "echo":
            session.write(rest)
        elif word == "banner":
            session.write(self.banner)
        else:
            session.write("?")


class Calculator(BaseHandler):
    banner = "calculator"

    def command(self, session, word, rest):
        if word == "add":
            session.write(str(sum(int(n) for n in rest.split())))
        else:
            super().command(session, word, rest)


class Slow(Calculator):
    banner = "slow"

    def make_session(self, sock):
        return SlowSession(sock, self)


class Session:
    def __init__(self, sock, server):
        self.sock = sock
        self.server = server
        self.file = sock.makefile("rwb")

    def run(self):
        while True:
            line = self.file.readline()
            if not line:
                break
            word, _, rest = line.decode().strip().partition(" ")
            if word == "quit":
                self.write("bye")
                break
            self.server.command(self, word, rest)

    def write(self, text):
        self.file.write(text.encode() + b"\r\n")
        self.file.flush()


class SlowSession(Session):
    def write(self, text):
        gevent.sleep(0.01)
        super().write(text.upper())


def ask(port, *lines):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall("".join(line + "\n" for line in lines).encode())
        data = b""
        while True:
            chunk = sock.recv(100)
            if not chunk:
                return data.decode().splitlines()
            data += chunk


def main():
    servers = [cls(("127.0.0.1", 0)) for cls in (BaseHandler, Calculator, Slow)]
    for server in servers:
        server.start()
    for server in servers:
        print(server.banner, ask(server.server_port, "banner", "echo hi", "add 1 2 3", "quit"))
    for server in servers:
        server.stop()


if __name__ == "__main__":
    main()
