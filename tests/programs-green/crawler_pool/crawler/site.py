import time

PAGES = {
    "/": ["/a", "/b"],
    "/a": ["/c", "/"],
    "/b": ["/d", "/missing"],
    "/c": [],
    "/d": ["/slow"],
    "/slow": [],
}


class NotFound(Exception):
    def __init__(self, path):
        super().__init__("no page %s" % path)
        self.path = path


def fetch(pages, path):
    time.sleep(1 if path == "/slow" else 0.01)
    if path not in pages:
        raise NotFound(path)
    return pages[path]
