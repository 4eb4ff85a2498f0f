from gevent.server import StreamServer


class ChatServer(StreamServer):
    def __init__(self, listener, **kwargs):
        super().__init__(listener, **kwargs)
        self.members = {}

    def handle(self, sock, address):
        reader = sock.makefile("rb")
        name = reader.readline().decode().strip()
        self.members[name] = sock
        self.broadcast(f"* {name} joined")
        try:
            for raw in reader:
                line = raw.decode().strip()
                if line == "/quit":
                    break
                if line == "/who":
                    self.send(sock, "members: " + ", ".join(sorted(self.members)))
                else:
                    self.broadcast(f"{name}: {line}")
        finally:
            self.members.pop(name, None)
            self.broadcast(f"* {name} left")
            reader.close()
            sock.close()

    def send(self, sock, line):
        sock.sendall(line.encode() + b"\n")

    def broadcast(self, line):
        for sock in list(self.members.values()):
            self.send(sock, line)
