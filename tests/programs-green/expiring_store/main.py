# moves: fully
"""A key-value server with expiry, and clients that speak its line protocol."""
import gevent
from gevent import monkey

monkey.patch_socket()

import socket
import time
from collections import OrderedDict

from gevent.server import StreamServer


class Expired(KeyError):
    pass


class Store:
    def __init__(self, limit=3):
        self.data = OrderedDict()
        self.expires = {}
        self.limit = limit
        self.evicted = []

    def set(self, key, value, ttl=None):
        self.data[key] = value
        self.data.move_to_end(key)
        if ttl is not None:
            self.expires[key] = gevent.spawn_later(ttl, self.expire, key)
        while len(self.data) > self.limit:
            old, _ = self.data.popitem(last=False)
            self.evicted.append(old)

    def expire(self, key):
        self.data.pop(key, None)
        self.expires.pop(key, None)

    def get(self, key):
        return self.data[key]

    def persist(self, key):
        timer = self.expires.pop(key, None)
        if timer is not None:
            timer.kill()
        return timer is not None


class Protocol:
    def __init__(self, store):
        self.store = store
        self.handlers = {"SET": self.on_set, "GET": self.on_get, "KEEP": self.on_keep}

    def on_set(self, key, value, ttl=None):
        self.store.set(key, value, float(ttl) if ttl else None)
        return "OK"

    def on_get(self, key):
        try:
            return self.store.get(key)
        except KeyError:
            return "NIL"

    def on_keep(self, key):
        return "1" if self.store.persist(key) else "0"

    def __call__(self, sock, address):
        buffer = b""
        while True:
            data = sock.recv(256)
            if not data:
                break
            buffer += data
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                command, *args = line.decode().split()
                handler = self.handlers.get(command)
                answer = handler(*args) if handler else f"ERR {command}"
                sock.sendall(answer.encode() + b"\n")


class Client:
    def __init__(self, address):
        self.sock = socket.create_connection(address)
        self.reader = self.sock.makefile("r")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.reader.close()
        self.sock.close()

    def ask(self, *words):
        self.sock.sendall((" ".join(words) + "\n").encode())
        return self.reader.readline().strip()


def main():
    store = Store()
    server = StreamServer(("127.0.0.1", 0), Protocol(store))
    server.start()
    address = ("127.0.0.1", server.server_port)
    with Client(address) as client:
        print(client.ask("SET", "a", "1", "0.03"), client.ask("SET", "b", "2", "0.03"))
        print(client.ask("KEEP", "b"), client.ask("KEEP", "zz"))
        print(client.ask("GET", "a"), client.ask("GET", "b"))
        gevent.sleep(0.08)
        print(client.ask("GET", "a"), client.ask("GET", "b"), client.ask("WHAT"))
        for key in "cdef":
            client.ask("SET", key, key * 2)
    print(list(store.data.items()), store.evicted)
    server.stop()


if __name__ == "__main__":
    main()
