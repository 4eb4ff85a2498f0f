# moves: fully
# A semaphore for each key of a dictionary, where nothing is known of the keys, but the return type is written down.
import asyncio
from urllib.parse import urlsplit


class Hosts:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.slots: dict[str, asyncio.Semaphore] = {}
        self.most = 0
        self.active = 0

    def slot(self, host: str) -> asyncio.Semaphore:
        if host not in self.slots:
            self.slots[host] = asyncio.Semaphore(self.limit)
        return self.slots[host]

    async def fetch(self, url: str) -> str:
        host = urlsplit(url).netloc
        async with self.slot(host):
            self.active += 1
            self.most = max(self.most, self.active)
            await asyncio.sleep(0.01)
            self.active -= 1
        return host


async def main() -> None:
    hosts = Hosts(2)
    urls = [f"http://host{number % 2}/{number}" for number in range(8)]
    print(sorted(await asyncio.gather(*[hosts.fetch(url) for url in urls])))
    print(hosts.most, sorted(hosts.slots))


asyncio.run(main())
