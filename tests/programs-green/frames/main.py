# moves: fully
"""Frames over a stream: length-prefixed JSON, rooms, heartbeats."""
import json
import struct
import gevent
from gevent import socket
from gevent.server import StreamServer
from gevent.queue import Queue


class Frame:
    HEADER = struct.Struct(">IB")

    @staticmethod
    def pack(kind, payload):
        data = json.dumps(payload).encode()
        return Frame.HEADER.pack(len(data), kind) + data

    @classmethod
    def read(cls, sock):
        head = read_exact(sock, cls.HEADER.size)
        if head is None:
            return None, None
        size, kind = cls.HEADER.unpack(head)
        return kind, json.loads(read_exact(sock, size))


def read_exact(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            return None
        data += part
    return data


JOIN, SAY, PING = 1, 2, 3


class Peer:
    def __init__(self, hub, sock):
        self.hub = hub
        self.sock = sock
        self.out = Queue()
        self.room = None
        self.pings = 0

    def run(self):
        sender = gevent.spawn(self._send)
        beat = gevent.spawn(self._beat)
        try:
            while True:
                kind, payload = Frame.read(self.sock)
                if kind is None:
                    break
                self.hub.dispatch(self, kind, payload)
        finally:
            self.hub.forget(self)
            beat.kill()
            self.out.put(None)
            sender.join()
            self.sock.close()

    def _send(self):
        for frame in iter(self.out.get, None):
            self.sock.sendall(frame)

    def _beat(self):
        while True:
            gevent.sleep(5)
            self.pings += 1
            self.out.put(Frame.pack(PING, self.pings))


class Hub:
    def __init__(self):
        self.rooms = {}
        self.handlers = {JOIN: self.on_join, SAY: self.on_say}

    def __call__(self, sock, address):
        Peer(self, sock).run()

    def dispatch(self, peer, kind, payload):
        self.handlers[kind](peer, payload)

    def on_join(self, peer, room):
        peer.room = room
        self.rooms.setdefault(room, []).append(peer)
        peer.out.put(Frame.pack(JOIN, len(self.rooms[room])))

    def on_say(self, peer, text):
        for other in self.rooms[peer.room]:
            if other is not peer:
                other.out.put(Frame.pack(SAY, text))

    def forget(self, peer):
        if peer.room:
            self.rooms[peer.room].remove(peer)


def main():
    hub = Hub()
    server = StreamServer(("127.0.0.1", 0), hub)
    server.start()
    a, b = (socket.create_connection(server.address) for _ in range(2))
    a.sendall(Frame.pack(JOIN, "lobby"))
    print(Frame.read(a))
    b.sendall(Frame.pack(JOIN, "lobby"))
    print(Frame.read(b))
    a.sendall(Frame.pack(SAY, {"text": "hi"}))
    print(Frame.read(b))
    a.close()
    gevent.sleep(0.02)
    print({room: len(peers) for room, peers in hub.rooms.items()})
    b.close()
    gevent.sleep(0.02)
    server.stop()


if __name__ == "__main__":
    main()
