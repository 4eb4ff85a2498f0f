# moves: fully
"""Forwards connections both ways, as gevent's portforwarder does."""
import gevent
from gevent.server import StreamServer
from gevent.socket import create_connection


class PortForwarder(StreamServer):
    def __init__(self, listener, dest, **kwargs):
        StreamServer.__init__(self, listener, **kwargs)
        self.dest = dest

    def handle(self, source, address):
        print("forwarding")
        try:
            dest = create_connection(self.dest)
        except IOError as ex:
            print("failed", type(ex).__name__)
            return
        forwarders = (gevent.spawn(forward, source, dest, self), gevent.spawn(forward, dest, source, self))
        gevent.joinall(forwarders)
        print("done")

    def close(self):
        print("closing listener socket")
        StreamServer.close(self)


def forward(source, dest, server):
    try:
        while True:
            data = source.recv(1024)
            if not data:
                break
            dest.sendall(data)
    finally:
        source.close()
        dest.close()
        server = None


def echo(sock, address):
    while True:
        data = sock.recv(1024)
        if not data:
            break
        sock.sendall(data[::-1])


def main():
    backend = StreamServer(("127.0.0.1", 0), echo)
    backend.start()
    proxy = PortForwarder(("127.0.0.1", 0), ("127.0.0.1", backend.server_port))
    proxy.start()
    sock = create_connection(("127.0.0.1", proxy.server_port))
    sock.sendall(b"abc")
    print(sock.recv(10))
    sock.close()
    gevent.sleep(0.3)
    proxy.close()
    backend.close()


main()
