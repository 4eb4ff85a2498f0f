# moves: fully
"""Raw requests against http.server handlers."""
from gevent import monkey
monkey.patch_all()
import re
import socket
import time
import gevent
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer


class Base(BaseHTTPRequestHandler):
    server_version = "Test/1"
    sys_version = ""

    def log_message(self, format, *args):
        self.server.log.append(format % args)

    def show(self, body=b""):
        lines = [self.command, self.path, self.request_version, self.client_address[0], str(self.close_connection)]
        lines += ["%s=%s" % item for item in self.headers.items()]
        data = "|".join(lines).encode() + b"#" + body
        self.send_response(200, "Fine")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Many", "1")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.05)
        if self.path == "/boom":
            raise ValueError("boom")
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/")
            self.end_headers()
            return
        self.show()

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        self.show(self.rfile.read(int(self.headers.get("content-length", 0))))


class Keep(Base):
    protocol_version = "HTTP/1.1"


def ask(port, *requests):
    sock = socket.create_connection(("127.0.0.1", port))
    out = []
    for request in requests:
        sock.sendall(request)
        data = b""
        sock.settimeout(1.0)
        try:
            while True:
                more = sock.recv(65536)
                if not more:
                    out.append("EOF after")
                    break
                data += more
        except OSError:
            pass
        out.append(re.sub(r"Date: [^\r]*", "Date: X", data.decode("latin-1")))
        if out[-2:-1] == ["EOF after"]:
            break
    sock.close()
    return out


def drive(server):
    server.log = []
    job = gevent.spawn(server.serve_forever)
    port = server.server_address[1]
    for path in ("/", "/slow?x=1", "/boom", "/redirect"):
        for version in ("1.1", "1.0"):
            req = ("GET %s HTTP/%s\r\nHost: x\r\nX-A: 1\r\n\r\n" % (path, version)).encode()
            print(path, version, ask(port, req, req))
    print(ask(port, b"POST /p HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"GET /z HTTP/1.1\r\n\r\n"))
    print(ask(port, b"HEAD / HTTP/1.1\r\n\r\n"), ask(port, b"BREW / HTTP/1.1\r\n\r\n"), ask(port, b"nonsense\r\n\r\n"), ask(port, b"GET / HTTP/9.9\r\n\r\n"))
    print(ask(port, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"))
    print(ask(port, b"GET /short\r\n"))
    print(server.log)
    server.shutdown()
    server.server_close()
    job.join()
    print(job.ready())



def main():
    drive(HTTPServer(("127.0.0.1", 0), Base))


main()
