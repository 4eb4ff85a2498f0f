# moves: with --unsafe
import eventlet
eventlet.monkey_patch()
import http.client
import json
import time
import eventlet.wsgi


def app(environ, start_response):
    n = int(environ["PATH_INFO"].strip("/"))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"square": n * n}).encode()]


class Api:
    def __init__(self, port):
        self.port = port

    def call(self, n):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("GET", f"/{n}")
            response = connection.getresponse()
            return json.loads(response.read())["square"]
        finally:
            connection.close()


def main():
    sock = eventlet.listen(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    eventlet.spawn(eventlet.wsgi.server, sock, app, log_output=False)
    api = Api(port)
    pool = eventlet.GreenPool(4)
    print(list(pool.imap(api.call, range(6))))
    pile = eventlet.GreenPile(pool)
    for n in (7, 8):
        pile.spawn(api.call, n)
    print(sorted(pile))
    print(list(pool.imap(time.sleep, [0, 0])), eventlet.spawn(time.sleep, 0).wait())


if __name__ == "__main__":
    main()
