# moves: with --unsafe
"""Recursive crawler of a local site."""
import re
import eventlet
from eventlet import wsgi
from eventlet.green.urllib.request import urlopen

PAGES = {
    "/": '<a href="/one">1</a> <a href="/two">2</a>',
    "/one": '<a href="/two">2</a> <a href="/three">3</a>',
    "/two": "nothing here",
    "/three": '<a href="/">home</a>',
}
url_regex = re.compile(r'href="(/\w*)"')


def site(env, start_response):
    page = PAGES.get(env["PATH_INFO"])
    if page is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no"]
    start_response("200 OK", [("Content-Type", "text/html")])
    return [page.encode()]


def fetch(base, path, seen, pool):
    data = b""
    with eventlet.Timeout(5, False):
        data = urlopen(base + path).read()
    for match in url_regex.finditer(data.decode()):
        new = match.group(1)
        if new not in seen:
            seen.add(new)
            pool.spawn_n(fetch, base, new, seen, pool)


def crawl(base, start):
    pool = eventlet.GreenPool()
    seen = {start}
    fetch(base, start, seen, pool)
    pool.waitall()
    return seen


listener = eventlet.listen(("127.0.0.1", 0))
eventlet.spawn_n(wsgi.server, listener, site, log_output=False)
base = "http://127.0.0.1:%s" % listener.getsockname()[1]
for path in sorted(crawl(base, "/")):
    print(path)
