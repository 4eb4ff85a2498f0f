# moves: fully
import gevent
from gevent import socket

from chat.server import ChatServer


def client(port, name, lines, log):
    sock = socket.create_connection(("127.0.0.1", port))
    f = sock.makefile("rw", encoding="utf-8", newline="\n")
    f.write(name + "\n")
    f.flush()
    log.append((name, f.readline().strip()))
    for line in lines:
        gevent.sleep(0.05)
        f.write(line + "\n")
        f.flush()
        if line == "/quit":
            break
        log.append((name, f.readline().strip()))
    rest = f.read()
    if rest:
        log.append((name, rest.strip()))
    f.close()
    sock.close()


def main():
    server = ChatServer(("127.0.0.1", 0))
    server.start()
    log = []
    gevent.joinall([gevent.spawn(client, server.server_port, "ann", ["hello", "/who", "/quit"], log)], raise_error=True)
    gevent.joinall([gevent.spawn(client, server.server_port, "bob", ["/nick robert", "/who", "/quit"], log)], raise_error=True)
    server.stop()
    for entry in log:
        print(*entry)
    print(server.history)
    print("closed:", server.closed)


if __name__ == "__main__":
    main()
