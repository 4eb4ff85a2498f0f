# moves: with --unsafe
"""Mail from a queue; the server is in the same program."""
from gevent import monkey

monkey.patch_all()

import smtplib

import gevent
from gevent.queue import Queue
from gevent.server import StreamServer

inbox = []


def serve(sock, address):
    f = sock.makefile("rwb")
    f.write(b"220 hello\r\n")
    f.flush()
    data = False
    lines = []
    for line in f:
        text = line.decode().strip()
        if data:
            if text == ".":
                data = False
                inbox.append("\n".join(lines))
                lines = []
                f.write(b"250 taken\r\n")
            else:
                lines.append(text)
                continue
        elif text.upper().startswith("EHLO"):
            f.write(b"250 ok\r\n")
        elif text.upper() == "DATA":
            data = True
            f.write(b"354 go on\r\n")
        elif text.upper() == "QUIT":
            f.write(b"221 bye\r\n")
            f.flush()
            break
        else:
            f.write(b"250 ok\r\n")
        f.flush()


class Mailer:
    def __init__(self, host, port):
        self.host, self.port = host, port
        self.queue = Queue()
        self.sent = 0

    def send(self, to, text):
        with smtplib.SMTP(self.host, self.port) as client:
            client.sendmail("me@here", [to], f"Subject: x\n\n{text}")
            self.sent += 1

    def run(self):
        for to, text in iter(self.queue.get, None):
            self.send(to, text)


def main():
    server = StreamServer(("127.0.0.1", 0), serve)
    server.start()
    mailer = Mailer("127.0.0.1", server.server_port)
    worker = gevent.spawn(mailer.run)
    for n in range(3):
        mailer.queue.put((f"u{n}@there", f"text {n}"))
    mailer.queue.put(None)
    worker.join()
    server.stop()
    print(mailer.sent, len(inbox), [m.splitlines()[-1] for m in inbox])


main()
