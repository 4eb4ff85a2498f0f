class User:
    def __init__(self, sock):
        self.sock = sock
        self.reader = sock.makefile("r")
        self.name = None
        self.room = None

    def read(self):
        line = self.reader.readline()
        return line.rstrip("\r\n") if line else None

    def send(self, text):
        self.sock.sendall(text.encode() + b"\n")
