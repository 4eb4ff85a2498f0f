# moves: fully
"""A crawler: pages come from a table, links are followed by a pool."""
import eventlet

PAGES = {
    "/": ["/a", "/b"],
    "/a": ["/c", "/missing"],
    "/b": ["/c", "/d"],
    "/c": [],
    "/d": ["/"],
}


class NotFound(Exception):
    pass


def fetch(url):
    eventlet.sleep(0.025)
    if url not in PAGES:
        raise NotFound(url)
    return PAGES[url]


class Crawler(object):
    def __init__(self, size=3):
        self.pool = eventlet.GreenPool(size)
        self.seen = set()
        self.errors = []
        self.results = {}

    def visit(self, url):
        try:
            links = fetch(url)
        except NotFound as exc:
            self.errors.append(str(exc))
            return
        self.results[url] = len(links)
        for link in links:
            if link not in self.seen:
                self.seen.add(link)
                self.pool.spawn_n(self.visit, link)

    def run(self, start):
        self.seen.add(start)
        self.pool.spawn_n(self.visit, start)
        self.pool.waitall()
        return self.results


def main():
    crawler = Crawler()
    results = crawler.run("/")
    for url in sorted(results):
        print(url, results[url])
    print("errors", crawler.errors)
    print("running", crawler.pool.running(), "free", crawler.pool.free())


if __name__ == "__main__":
    main()
