# moves: fully
"""WSGI application with middleware, routes, streaming, and an http.client user."""
from gevent import monkey
monkey.patch_all()

import http.client
import json
import time
import gevent
from gevent.pywsgi import WSGIServer
from urllib.parse import parse_qs


class Router:
    def __init__(self):
        self.routes = {}

    def route(self, method, path):
        def add(func):
            self.routes[method, path] = func
            return func
        return add

    def __call__(self, environ, start_response):
        key = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        func = self.routes.get(key)
        if func is None:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"nothing at " + key[1].encode()]
        return func(environ, start_response)


class Counting:
    def __init__(self, app):
        self.app = app
        self.active = 0
        self.peak = 0
        self.total = 0

    def __call__(self, environ, start_response):
        self.active += 1
        self.total += 1
        self.peak = max(self.peak, self.active)
        try:
            return self.app(environ, start_response)
        finally:
            self.active -= 1


router = Router()
store = {}


@router.route("GET", "/items")
def list_items(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    prefix = query.get("prefix", [""])[0]
    body = json.dumps(sorted(k for k in store if k.startswith(prefix))).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


@router.route("POST", "/items")
def add_item(environ, start_response):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    data = json.loads(environ["wsgi.input"].read(size))
    time.sleep(0.02)
    store[data["name"]] = data["value"]
    start_response("201 Created", [("Content-Type", "text/plain")])
    return [b"added"]


@router.route("GET", "/count")
def count(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for n in range(3):
        gevent.sleep(0.005)
        yield b"%d\n" % n


def request(port, method, path, data=None):
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    body = json.dumps(data) if data is not None else None
    headers = {"Content-Type": "application/json"} if body else {}
    conn.request(method, path, body=body, headers=headers)
    reply = conn.getresponse()
    text = reply.read().decode()
    conn.close()
    return reply.status, text


def main():
    app = Counting(router)
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    port = server.server_port
    jobs = [gevent.spawn(request, port, "POST", "/items", {"name": n, "value": i}) for i, n in enumerate(["ant", "ape", "bee"])]
    gevent.joinall(jobs)
    print([j.value for j in jobs])
    print(request(port, "GET", "/items"))
    print(request(port, "GET", "/items?prefix=a"))
    print(request(port, "GET", "/count"))
    print(request(port, "DELETE", "/items"))
    print("total", app.total, "active", app.active)
    server.stop()


if __name__ == "__main__":
    main()
