# moves: fully
from gevent import monkey; monkey.patch_all()
import threading
import time
import gevent
from http.server import BaseHTTPRequestHandler, HTTPServer
import urllib.request


def make_handler(store, delay):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(delay)
            value = store.get(self.path.strip("/"))
            if value is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(value.encode())

        def log_message(self, format, *args):
            store.setdefault("log", []).append(str(args[0]))

    return Handler


class FakeServer:
    def __init__(self, store, delay=0.005):
        self.httpd = HTTPServer(("127.0.0.1", 0), make_handler(store, delay))
        self.thread = threading.Thread(target=self.httpd.serve_forever)
        self.thread.daemon = True

    @property
    def url(self):
        return "http://%s:%s" % self.httpd.server_address

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.httpd.shutdown()
        self.httpd.server_close()


def fetch(url):
    try:
        return urllib.request.urlopen(url, timeout=2).read().decode()
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)


def main():
    store = {"a": "apple", "b": "bee"}
    with FakeServer(store) as fake:
        jobs = [gevent.spawn(fetch, fake.url + "/" + name) for name in ("a", "b", "c")]
        gevent.joinall(jobs)
        for job in jobs:
            print(job.value)
    print(sorted(store["log"]))


if __name__ == "__main__":
    main()
