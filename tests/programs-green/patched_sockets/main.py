# moves: fully
import eventlet
eventlet.monkey_patch(socket=True, time=True)
import socket
import time


def serve(sock):
    client, _ = sock.accept()
    time.sleep(0.01)
    client.sendall(b"hello")
    client.close()


def main():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(1)
    thread = eventlet.spawn(serve, sock)
    client = socket.create_connection(sock.getsockname())
    print(client.recv(10))
    thread.wait()


main()
