# moves: fully
"""Server push: events by an application whose answer is made while items come in (gevent)."""
import gevent
from gevent.pywsgi import WSGIServer
from gevent import socket
from gevent.queue import Queue

subs = []
def app(environ, start_response):
    if environ["PATH_INFO"] == "/publish":
        for q in subs:
            q.put(environ["QUERY_STRING"])
        start_response("204 No Content", [])
        return []
    q = Queue()
    subs.append(q)
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    def stream():
        for n in range(2):
            yield b"data: " + q.get().encode() + b"\n\n"
    return stream()

def request(port, path):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(("GET %s HTTP/1.0\r\n\r\n" % path).encode())
    out = b""
    while True:
        d = s.recv(4096)
        if not d:
            break
        out += d
    s.close()
    return out.split(b"\r\n\r\n", 1)[1]

def main():
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    port = server.server_port
    reader = gevent.spawn(request, port, "/events")
    gevent.sleep(0.05)
    request(port, "/publish?one")
    request(port, "/publish?two")
    print(reader.get(timeout=2))
    server.stop()
main()
