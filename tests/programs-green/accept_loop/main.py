# moves: fully
import eventlet
from eventlet.green import socket


def read_line(sock):
    data = b""
    while not data.endswith(b"\n"):
        chunk = sock.recv(1)
        if not chunk:
            break
        data += chunk
    return data


def handle(sock, address):
    print("client", address[0])
    while True:
        line = read_line(sock)
        if not line:
            break
        sock.sendall(b"echo " + line)
    sock.close()
    print("client gone")


def serve(listener):
    while True:
        conn, address = listener.accept()
        eventlet.spawn(handle, conn, address)


def main():
    listener = eventlet.listen(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    eventlet.spawn(serve, listener)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.connect(("127.0.0.1", port))
        for text in ("a", "b"):
            sock.sendall(text.encode() + b"\n")
            print(read_line(sock))
        sock.shutdown(socket.SHUT_WR)
        print(sock.recv(10))
    eventlet.sleep(0.3)


main()
