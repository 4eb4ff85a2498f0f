import asyncio


class NotFound(Exception):
    pass


class FakeWeb:
    def __init__(self, pages):
        self._pages = pages
        self._in_flight = 0
        self.max_in_flight = 0

    @classmethod
    def sample(cls):
        return cls({
            "/": ["/a", "/b"],
            "/a": ["/a/1", "/a/2", "/"],
            "/b": ["/missing", "/a/2"],
            "/a/1": [],
            "/a/2": ["/deep"],
            "/deep": ["/deeper"],
            "/deeper": [],
        })

    async def fetch(self, url):
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            await asyncio.sleep(0.002)
            if url not in self._pages:
                raise NotFound(url)
            return list(self._pages[url])
        finally:
            self._in_flight -= 1
