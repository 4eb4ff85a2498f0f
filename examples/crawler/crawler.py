"""Fetches pages, a few at a time: the example of the README. No network is used."""

import asyncio
import random


class Crawler:
    """Keeps the sizes of the pages that came in time."""

    def __init__(self, at_once: int) -> None:
        self.pages: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.limit = asyncio.Semaphore(at_once)

    async def visit(self, url: str) -> None:
        async with self.limit:
            try:
                size = await asyncio.wait_for(fetch(url), timeout=0.5)
            except asyncio.TimeoutError:
                size = 0  # the others go on
        self.pages.put_nowait((url, size))

    async def crawl(self, urls: list[str]) -> dict[str, int]:
        async with asyncio.TaskGroup() as tasks:
            for url in urls:
                tasks.create_task(self.visit(url))
        return dict([self.pages.get_nowait() for _ in urls])


async def fetch(url: str) -> int:
    """Pretends to fetch a page."""
    await asyncio.sleep(5 if "slow" in url else random.random() / 100)
    return len(url)


async def main(count: int, *, slow: bool) -> None:
    urls = [f"https://example.org/{i}" for i in range(count)]
    if slow:
        urls.append("https://example.org/slow")
    found = await Crawler(at_once=3).crawl(urls)
    for url, size in sorted(found.items()):
        print(url, size or "too slow")


if __name__ == "__main__":
    asyncio.run(main(4, slow=True))
