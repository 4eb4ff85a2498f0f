# moves: fully
import gevent
from gevent import socket


def serve(listener):
    try:
        while True:
            conn, addr = listener.accept()
            gevent.spawn(reverse, conn)
    except OSError as error:
        print("no more", error.errno)


def reverse(conn):
    with conn:
        while True:
            data = conn.recv(100)
            if not data:
                return
            conn.send(data[::-1])


def main():
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    job = gevent.spawn(serve, listener)
    clients = [socket.socket() for _ in range(3)]
    for number, sock in enumerate(clients):
        sock.connect(listener.getsockname())
        sock.sendall(b"hello %d" % number)
    for sock in clients:
        print(sock.recv(100))
        sock.close()
    a, b = socket.socketpair()
    gevent.spawn(a.sendall, b"x" * 1000000)
    total = 0
    while total < 1000000:
        total += len(b.recv(65536))
    print(total)
    listener.close()
    job.join()
    bad = socket.socket()
    print(bad.connect_ex(("127.0.0.1", 1)) != 0)


main()
