import gevent
from gevent.queue import Queue
from gevent.server import StreamServer

from . import commands


class Session:
    def __init__(self, name, sock):
        self.name = name
        self.sock = sock
        self.outbox = Queue()
        self.writer = gevent.spawn(self._write)

    def _write(self):
        for line in self.outbox:
            self.sock.sendall(line.encode() + b"\n")

    def send(self, line):
        self.outbox.put(line)

    def close(self):
        self.outbox.put(StopIteration)
        self.writer.join()


class ChatServer(StreamServer):
    def __init__(self, address):
        super().__init__(address)
        self.sessions = {}
        self.history = []

    def handle(self, sock, address):
        reader = sock.makefile("rb")
        name = reader.readline().decode().strip()
        session = self.sessions[name] = Session(name, sock)
        session.send("welcome %s" % name)
        try:
            for raw in reader:
                line = raw.decode().strip()
                if line == "/quit":
                    session.send("bye")
                    break
                if line.startswith("/"):
                    commands.run(self, session, line[1:])
                else:
                    self.broadcast(session, line)
        finally:
            session.close()
            del self.sessions[session.name]
            reader.close()

    def broadcast(self, sender, line):
        self.history.append((sender.name, line))
        for session in list(self.sessions.values()):
            session.send("<%s> %s" % (sender.name, line))
