import asyncio
import logging
from dataclasses import dataclass, field
from typing import List, Set

from .web import FakeWeb, NotFound

log = logging.getLogger(__name__)


class CrawlError(Exception):
    pass


@dataclass
class Page:
    url: str
    status: int
    links: List[str] = field(default_factory=list)


class Crawler:
    def __init__(self, web: FakeWeb, concurrency: int = 4, delay: float = 0.0):
        self.web = web
        self.delay = delay
        self._sem = asyncio.Semaphore(concurrency)
        self._seen: Set[str] = set()

    async def _get(self, url: str) -> Page:
        async with self._sem:
            try:
                links = await self.web.fetch(url)
            except NotFound:
                log.info("not found: %s", url)
                return Page(url, 404)
            if self.delay:
                await asyncio.sleep(self.delay)
            return Page(url, 200, links)

    async def crawl(self, start: str, depth: int) -> List[Page]:
        if not start.startswith("/"):
            raise CrawlError(f"not a path: {start}")
        frontier = [start]
        self._seen.add(start)
        pages: List[Page] = []
        for level in range(depth):
            if not frontier:
                break
            found = await asyncio.gather(*[self._get(url) for url in frontier])
            pages.extend(found)
            frontier = []
            for page in found:
                for link in page.links:
                    if link not in self._seen:
                        self._seen.add(link)
                        frontier.append(link)
            log.debug("level %s: %s", level, len(found))
        return pages
