# moves: fully
import eventlet
eventlet.monkey_patch()

import socket
import time


class GaveUp(Exception):
    pass


class Client:
    """Asks a server, with a timeout and so many retries."""

    def __init__(self, address, timeout=0.5, retries=3):
        self.address = address
        self.timeout = timeout
        self.retries = retries
        self.log = []

    def ask(self, question):
        for attempt in range(self.retries):
            try:
                return self._once(question)
            except socket.timeout:
                self.log.append("timeout")
            except ConnectionRefusedError:
                self.log.append("refused")
            time.sleep(0.01)
        raise GaveUp(question)

    def _once(self, question):
        sock = socket.create_connection(self.address, timeout=self.timeout)
        try:
            sock.sendall(question.encode() + b"\n")
            return sock.recv(1024).decode()
        finally:
            sock.close()


def server(listener, delays):
    for delay in delays:
        conn, _ = listener.accept()
        eventlet.spawn_n(serve_one, conn, delay)


def serve_one(conn, delay):
    data = conn.recv(100)
    eventlet.sleep(delay)
    try:
        conn.sendall(b"answer to " + data)
    except OSError:
        pass
    conn.close()


def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)
    address = listener.getsockname()
    eventlet.spawn(server, listener, [30, 30, 0.0])
    client = Client(address)
    print(repr(client.ask("why")), client.log)
    listener.close()
    client = Client(address, retries=2)
    try:
        client.ask("again")
    except GaveUp as error:
        print("gave up", error, client.log)


if __name__ == "__main__":
    main()
