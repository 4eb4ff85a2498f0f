# moves: fully
import gevent
from gevent import socket
from gevent.server import StreamServer

log = []


def handle(sock, addr):
    try:
        while sock.recv(10):
            pass
    except BaseException as error:
        log.append(repr(error))
        raise
    finally:
        log.append("closed")


server = StreamServer(("127.0.0.1", 0), handle)
server.start()
conn = socket.create_connection(("127.0.0.1", server.server_port))
conn.sendall(b"x")
gevent.sleep(0.02)
server.stop(timeout=0.1)
gevent.sleep(0.01)
print(log)
