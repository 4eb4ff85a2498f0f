# moves: fully
import gevent
from gevent.server import StreamServer
from gevent.socket import create_connection

from rooms import Lobby
from users import User

lobby = Lobby()


def handle(sock, address):
    user = User(sock)
    user.send("name?")
    user.name = user.read()
    room = lobby.join(user, "main")
    try:
        while True:
            text = user.read()
            if text is None or text == "/quit":
                break
            if text.startswith("/join "):
                lobby.leave(user)
                room = lobby.join(user, text[6:])
                continue
            room.broadcast(user, text)
    finally:
        lobby.leave(user)


class Guest:
    def __init__(self, name):
        self.name = name
        self.sock = self.reader = None

    def enter(self, port):
        self.sock = create_connection(("127.0.0.1", port), timeout=10)
        self.reader = self.sock.makefile("r")
        question = self.reader.readline()
        self.say(self.name)
        return question.strip()

    def say(self, text):
        self.sock.sendall(text.encode() + b"\n")

    def hear(self):
        return self.name + " hears: " + self.reader.readline().rstrip("\n")

    def leave(self):
        self.say("/quit")
        rest = self.reader.read()
        self.sock.close()
        return rest


def main():
    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    ann, bob, eve = Guest("ann"), Guest("bob"), Guest("eve")
    print(ann.enter(server.address[1]))
    while "main" not in lobby.rooms:
        gevent.sleep(0.001)
    bob.enter(server.address[1])
    print(ann.hear())
    eve.enter(server.address[1])
    print(ann.hear(), "|", bob.hear())
    ann.say("hello")
    print(bob.hear(), "|", eve.hear())
    bob.say("/join side")
    print(ann.hear(), "|", eve.hear())
    eve.say("anyone?")
    print(ann.hear())
    bob.say("alone")
    for guest in (eve, ann, bob):
        print(repr(guest.leave()))
    while lobby.rooms:
        gevent.sleep(0.001)
    server.stop()


if __name__ == "__main__":
    main()
