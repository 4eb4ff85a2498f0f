from collections import Counter

import gevent
from gevent.pool import Pool
from gevent.queue import Empty, JoinableQueue

from .site import NotFound, fetch


class Crawler:
    def __init__(self, pages, concurrency=4, timeout=0.2):
        self.pages = pages
        self.timeout = timeout
        self.pool = Pool(concurrency)
        self.queue = JoinableQueue()
        self.seen = set()
        self.stats = Counter()
        self.errors = []

    def add(self, path):
        if path in self.seen:
            self.stats["skipped"] += 1
            return
        self.seen.add(path)
        self.queue.put(path)

    def visit(self, path):
        try:
            with gevent.Timeout(self.timeout):
                links = fetch(self.pages, path)
        except gevent.Timeout as error:
            self.stats["timeouts"] += 1
            self.errors.append("%s: gave up after %s" % (path, error.seconds))
        except NotFound as error:
            self.stats["missing"] += 1
            self.errors.append(str(error))
        else:
            self.stats["visited"] += 1
            for link in links:
                self.add(link)
        finally:
            self.queue.task_done()

    def dispatch(self):
        while True:
            path = self.queue.get()
            if path is None:
                break
            self.pool.spawn(self.visit, path)

    def crawl(self, start):
        self.add(start)
        dispatcher = gevent.spawn(self.dispatch)
        self.queue.join()
        self.queue.put(None)
        dispatcher.join()
        self.pool.join()
        try:
            left = self.queue.get_nowait()
        except Empty:
            left = None
        assert left is None
