"""Fetches pages with a pool of workers: the example of the README. No network is used."""

import asyncio
import random


class Crawler:
    """Workers take addresses from a queue and keep what they find."""

    def __init__(self, workers: int) -> None:
        self.queue: asyncio.Queue[str | None] = asyncio.Queue(maxsize=10)
        self.lock = asyncio.Lock()
        self.found: dict[str, int] = {}
        self.workers = workers

    async def worker(self, name: str) -> None:
        while (url := await self.queue.get()) is not None:
            try:
                size = await asyncio.wait_for(fetch(url), timeout=0.5)
            except asyncio.TimeoutError:
                print(f"{url}: too slow")  # the loop goes on
                continue
            async with self.lock:
                self.found[url] = size

    async def crawl(self, urls: list[str]) -> dict[str, int]:
        tasks = [asyncio.create_task(self.worker(f"w{i}")) for i in range(self.workers)]
        for url in urls:
            await self.queue.put(url)
        for _ in tasks:
            await self.queue.put(None)
        await asyncio.gather(*tasks)
        return self.found


async def fetch(url: str) -> int:
    """Pretends to fetch a page."""
    await asyncio.sleep(5 if "slow" in url else random.random() / 100)
    return len(url)


async def main(count: int, *, slow: bool) -> None:
    urls = [f"https://example.org/{i}" for i in range(count)]
    if slow:
        urls.append("https://example.org/slow")
    found = await Crawler(workers=3).crawl(urls)
    for url, size in sorted(found.items()):
        print(url, size)


if __name__ == "__main__":
    asyncio.run(main(4, slow=True))
