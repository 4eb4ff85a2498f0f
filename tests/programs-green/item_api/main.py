# moves: fully
"""A WSGI application served by eventlet.wsgi, asked with raw sockets and http.client."""
import eventlet

eventlet.monkey_patch()

import http.client
import io
import json

from eventlet import wsgi


class NullLog(io.StringIO):
    def write(self, text):
        return len(text)


class Api:
    def __init__(self):
        self.items = {}
        self.next_id = 1

    def __call__(self, environ, start_response):
        handler = getattr(self, "do_" + environ["REQUEST_METHOD"].lower(), None)
        if handler is None:
            start_response("405 Method Not Allowed", [])
            return [b""]
        status, result = handler(environ)
        body = json.dumps(result).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def do_get(self, environ):
        key = environ["PATH_INFO"].strip("/")
        if not key:
            return "200 OK", sorted(self.items)
        eventlet.sleep(0.05)
        if key not in self.items:
            return "404 Not Found", {"error": key}
        return "200 OK", self.items[key]

    def do_post(self, environ):
        length = int(environ["CONTENT_LENGTH"])
        item = json.loads(environ["wsgi.input"].read(length))
        key = str(self.next_id)
        self.next_id += 1
        eventlet.sleep(0.05)
        self.items[key] = item
        return "201 Created", {"id": key}


def request(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body=json.dumps(body) if body is not None else None)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, json.loads(data) if data else None


def main():
    listener = eventlet.listen(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = eventlet.spawn(wsgi.server, listener, Api(), log=NullLog())
    pool = eventlet.GreenPool()
    ids = sorted(result["id"] for status, result in pool.imap(lambda n: request(port, "POST", "/", {"n": n}), range(3)))
    print(ids)
    print(request(port, "GET", "/"))
    status, first = request(port, "GET", "/1")
    print(status, sorted(first))
    print(request(port, "GET", "/9"))
    print(request(port, "DELETE", "/1"))
    server.kill()


if __name__ == "__main__":
    main()
