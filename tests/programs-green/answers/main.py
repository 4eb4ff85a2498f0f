# moves: fully
from gevent import monkey
monkey.patch_all()
import json
import time
import urllib.request
import gevent
from gevent.pywsgi import WSGIServer


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    if environ["PATH_INFO"] == "/lines":
        return [b"1\n2\n", b"3\n"]
    return [b'{"a": ', b'[1, 2]}']


server = WSGIServer(("127.0.0.1", 0), app, log=None)
server.start()
url = "http://127.0.0.1:%d/" % server.server_port
with urllib.request.urlopen(url) as response:
    print(json.loads(response.read()))
print(urllib.request.urlopen(url + "lines").readlines())
print([int(line) for line in urllib.request.urlopen(url + "lines")])
for n, line in enumerate(urllib.request.urlopen(url + "lines")):
    print(n, line)
server.stop()
