# moves: fully
"""An echo server with commands, several clients, and a stop."""
import eventlet
from eventlet.green import socket


class Stop(Exception):
    pass


class Handler:
    commands = {}

    def __init__(self, sock):
        self.sock = sock
        self.stream = sock.makefile("rw")
        self.count = 0

    def reply(self, text):
        self.stream.write(text + "\n")
        self.stream.flush()

    def do_echo(self, *words):
        self.reply(" ".join(words))

    def do_add(self, *numbers):
        self.reply(str(sum(int(n) for n in numbers)))

    def do_quit(self):
        self.reply("bye")
        raise Stop

    def run(self):
        try:
            for line in self.stream:
                self.count += 1
                name, *args = line.split()
                command = getattr(self, "do_" + name, None)
                if command is None:
                    self.reply(f"? {name}")
                else:
                    command(*args)
        except Stop:
            pass
        finally:
            self.stream.close()
            self.sock.close()
        return self.count


def server(listener, counts):
    pool = eventlet.GreenPool(10)

    def serve(sock):
        counts.append(Handler(sock).run())

    try:
        while True:
            sock, address = listener.accept()
            pool.spawn_n(serve, sock)
    finally:
        listener.close()


def client(port, lines):
    sock = eventlet.connect(("127.0.0.1", port))
    stream = sock.makefile("rw")
    answers = []
    for line in lines:
        stream.write(line + "\n")
        stream.flush()
        answers.append(stream.readline().strip())
    stream.close()
    sock.close()
    return answers


def main():
    listener = eventlet.listen(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    counts = []
    thread = eventlet.spawn(server, listener, counts)
    pile = eventlet.GreenPile()
    pile.spawn(client, port, ["echo hello world", "add 1 2 3", "quit"])
    pile.spawn(client, port, ["nothing", "quit"])
    for answers in pile:
        print(answers)
    eventlet.sleep(0.02)
    print(sorted(counts))
    thread.kill()


if __name__ == "__main__":
    main()
