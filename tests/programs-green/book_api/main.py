# moves: fully
import eventlet
eventlet.monkey_patch()
import http.server
import json
import threading
import time
import urllib.request
import urllib.error
from urllib.parse import urlparse, parse_qs


class Api(http.server.BaseHTTPRequestHandler):
    lock = threading.Lock()
    books = {}
    routes = {}

    @classmethod
    def route(cls, path):
        def register(func):
            cls.routes[path] = func
            return func
        return register

    def dispatch(self):
        url = urlparse(self.path)
        func = self.routes.get(url.path)
        if func is None:
            return self.reply(404, {"error": "no " + url.path})
        try:
            status, data = func(self, parse_qs(url.query))
        except KeyError as error:
            status, data = 400, {"error": str(error)}
        self.reply(status, data)

    do_GET = dispatch

    def do_POST(self):
        self.dispatch()

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def reply(self, status, data):
        text = json.dumps(data, sort_keys=True).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, fmt, *args):
        pass


@Api.route("/books")
def books(handler, query):
    time.sleep(0.005)
    if handler.command == "POST":
        book = handler.body()
        with Api.lock:
            time.sleep(0.001)
            Api.books[book["title"]] = book
        return 201, book
    return 200, sorted(Api.books)


@Api.route("/search")
def search(handler, query):
    word = query["q"][0]
    return 200, [title for title in sorted(Api.books) if word in title]


def call(base, path, data=None):
    payload = json.dumps(data).encode() if data else None
    try:
        with urllib.request.urlopen(base + path, payload) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    eventlet.spawn_n(server.serve_forever)
    base = "http://127.0.0.1:%d" % server.server_port
    pile = eventlet.GreenPile(3)
    for title in ("Emma", "Ulysses", "Dune"):
        pile.spawn(call, base, "/books", {"title": title, "year": 1900})
    print(list(pile))
    print(call(base, "/books"), call(base, "/search?q=m"))
    print(call(base, "/search"), call(base, "/x"))
    server.shutdown()


if __name__ == "__main__":
    main()
