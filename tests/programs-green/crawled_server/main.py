# moves: fully
from gevent import monkey; monkey.patch_all()

import json
import threading
import time
import urllib.request
import urllib.error
from http.server import BaseHTTPRequestHandler, HTTPServer
from concurrent.futures import ThreadPoolExecutor

import gevent
from gevent.pool import Pool


class Handler(BaseHTTPRequestHandler):
    hits = {}

    def do_GET(self):
        self.hits[self.path] = self.hits.get(self.path, 0) + 1
        if self.path == "/missing":
            self.send_error(404, "Not here")
            return
        if self.path == "/flaky" and self.hits[self.path] < 3:
            self.send_response(503)
            self.end_headers()
            return
        time.sleep(0.01)
        body = json.dumps({"path": self.path, "agent": self.headers.get("X-Agent")}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        data = self.rfile.read(size)
        self.server.posted.append(data.decode())
        self.send_response(201)
        self.end_headers()
        self.wfile.write(data[::-1])

    def log_message(self, format, *args):
        pass


def fetch(url):
    request = urllib.request.Request(url, headers={"X-Agent": "crawler"})
    for attempt in range(4):
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                return json.loads(reply.read().decode())["path"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return "404"
            gevent.sleep(0.01)
    return None


def main():
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.posted = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    base = "http://127.0.0.1:%d" % server.server_address[1]
    pool = Pool(3)
    print(pool.map(fetch, [base + p for p in ("/a", "/b", "/missing", "/flaky", "/c")]))
    print(sorted(Handler.hits.items()))
    print(urllib.request.urlopen(base + "/post", data=b"stressed").read())
    print(server.posted, server.server_port == server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()
    try:
        urllib.request.urlopen(base + "/a", timeout=1)
    except urllib.error.URLError as error:
        print(type(error.reason).__name__)


if __name__ == "__main__":
    main()
