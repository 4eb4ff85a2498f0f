import gevent
from gevent import socket
from gevent.event import Event


class ChatClient:
    def __init__(self, name, address):
        self.name = name
        self.address = address
        self.lines = []
        self.changed = Event()

    def connect(self):
        self.sock = socket.create_connection(self.address)
        self.reader = gevent.spawn(self.read)
        self.say(self.name)
        self.wait_for(1)

    def read(self):
        with self.sock.makefile("r") as lines:
            for line in lines:
                self.lines.append(line.rstrip("\n"))
                self.changed.set()

    def say(self, text):
        self.sock.sendall((text + "\n").encode())

    def wait_for(self, count):
        while len(self.lines) < count:
            self.changed.clear()
            self.changed.wait(1)

    def close(self):
        self.reader.kill()
        self.sock.close()
