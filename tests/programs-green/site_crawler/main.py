# moves: fully
"""Crawler over a fake site with depth limits and politeness."""
from gevent import monkey
monkey.patch_all()

import re
import time
from collections import defaultdict
from urllib.request import urlopen
from urllib.error import HTTPError

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer
from gevent.queue import JoinableQueue

SITE = {
    "/": ["/a", "/b", "/missing"],
    "/a": ["/a/1", "/a/2", "/"],
    "/b": ["/b/1"],
    "/a/1": [],
    "/a/2": ["/b"],
    "/b/1": ["/deep"],
    "/deep": [],
}


def site(environ, start_response):
    path = environ["PATH_INFO"]
    links = SITE.get(path)
    if links is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such page"]
    time.sleep(0.01)
    body = "".join('<a href="%s">x</a>' % link for link in links)
    start_response("200 OK", [("Content-Type", "text/html")])
    return [body.encode()]


class Crawler:
    def __init__(self, base, max_depth=3, size=4):
        self.base = base
        self.max_depth = max_depth
        self.queue = JoinableQueue()
        self.seen = set()
        self.pages = {}
        self.errors = defaultdict(list)
        self.pool = Pool(size)

    def enqueue(self, path, depth):
        if path in self.seen or depth > self.max_depth:
            return
        self.seen.add(path)
        self.queue.put((path, depth))

    def fetch(self, path):
        with urlopen(self.base + path, timeout=5) as reply:
            return reply.read().decode()

    def worker(self):
        while True:
            path, depth = self.queue.get()
            try:
                html = self.fetch(path)
                self.pages[path] = len(html)
                for link in re.findall(r'href="([^"]+)"', html):
                    self.enqueue(link, depth + 1)
            except HTTPError as error:
                self.errors[error.code].append(path)
            finally:
                self.queue.task_done()

    def run(self):
        self.enqueue("/", 0)
        for _ in range(self.pool.size):
            self.pool.spawn(self.worker)
        self.queue.join()
        self.pool.kill()
        return self.pages


def main():
    server = WSGIServer(("127.0.0.1", 0), site, log=None)
    server.start()
    crawler = Crawler("http://127.0.0.1:%d" % server.server_port)
    pages = crawler.run()
    for path in sorted(pages):
        print(path, pages[path])
    print(dict(crawler.errors))
    print("workers left:", len(crawler.pool))
    server.stop()


if __name__ == "__main__":
    main()
