# moves: fully
"""A chat room over gevent.server, with nick names and a broadcast."""

from client import ChatClient
from room import ChatServer


def main():
    server = ChatServer(("127.0.0.1", 0))
    server.start()
    address = ("127.0.0.1", server.server_port)
    ann = ChatClient("ann", address)
    bob = ChatClient("bob", address)
    ann.connect()
    bob.connect()
    ann.say("hello")
    bob.wait_for(2)
    bob.say("hi ann")
    ann.wait_for(3)
    bob.say("/who")
    bob.wait_for(4)
    bob.say("/quit")
    ann.wait_for(4)
    ann.close()
    bob.close()
    for client in (ann, bob):
        print(client.name)
        for line in client.lines:
            print("   ", line)
    server.stop()
    print(sorted(server.members))


if __name__ == "__main__":
    main()
