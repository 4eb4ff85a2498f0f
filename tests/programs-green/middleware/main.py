# moves: fully
import gevent
from gevent import monkey
monkey.patch_all()
import urllib.request
import urllib.error
from gevent.pywsgi import WSGIServer


def upper(app):
    def wrapped(environ, start_response):
        def started(status, headers, exc_info=None):
            return start_response(status, headers + [("X-Upper", "yes")], exc_info)
        for chunk in app(environ, started):
            yield chunk.upper()
    return wrapped


class Timing:
    def __init__(self, app):
        self.app = app
        self.log = []

    def __call__(self, environ, start_response):
        self.log.append(environ["PATH_INFO"])
        result = self.app(environ, start_response)
        return result


def site(environ, start_response):
    gevent.sleep(0.005)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello ", environ["PATH_INFO"].encode()]


class Paths:
    def __init__(self, routes):
        self.routes = routes

    def __call__(self, environ, start_response):
        app = self.routes.get(environ["PATH_INFO"], self.default)
        return app(environ, start_response)

    def default(self, environ, start_response):
        start_response("404 Not Found", [])
        return [b"?"]


def plain(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    yield b"pl"
    yield b"ain"


def get(url):
    try:
        with urllib.request.urlopen(url) as r:
            return r.status, r.headers.get("X-Upper"), r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.reason


def main():
    app = Timing(Paths({"/a": upper(site), "/b": site, "/c": plain}))
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    job = gevent.spawn(server.serve_forever)
    gevent.sleep(0.01)
    base = "http://127.0.0.1:%d" % server.server_port
    for path in ("/a", "/b", "/c", "/d"):
        print(get(base + path))
    print(app.log)
    server.stop()
    job.join(1)
    print(job.ready(), server.started, server.closed)
    server2 = WSGIServer(("127.0.0.1", 0), plain, log=None)
    server2.start()
    port = server2.server_port
    server2.stop()
    server2.start()
    print(server2.server_port == port, get("http://127.0.0.1:%d/" % port))
    server2.stop()


main()
