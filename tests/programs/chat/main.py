# moves: fully
import asyncio

from server import ChatServer
from client import ChatClient


async def main():
    server = ChatServer("127.0.0.1", 0)
    await server.start()
    print("started")

    alice = ChatClient("alice", "127.0.0.1", server.port)
    await alice.connect()
    bob = ChatClient("bob", "127.0.0.1", server.port)
    await bob.connect()
    await alice.expect("bob joined")

    await alice.say("hi bob")
    print("bob got:", await bob.receive())
    await bob.say("hello alice")
    print("alice got:", await alice.receive())
    await bob.say("/users")
    print("bob got:", await bob.receive())

    await bob.close()
    print("alice got:", await alice.receive())
    await alice.close()
    await server.stop()
    print("stopped, served", server.total)


if __name__ == "__main__":
    asyncio.run(main())
