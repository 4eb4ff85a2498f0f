# moves: fully
import argparse
import asyncio
import sys

from crawler import CrawlError, Crawler, FakeWeb


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="crawler")
    parser.add_argument("start", nargs="?", default="/")
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--delay", type=float, default=0.005)
    return parser.parse_args(argv)


async def main(args: argparse.Namespace, *, web: FakeWeb) -> int:
    crawler = Crawler(web, concurrency=args.concurrency, delay=args.delay)
    try:
        pages = await asyncio.wait_for(crawler.crawl(args.start, args.depth), timeout=5)
    except asyncio.TimeoutError:
        print("took too long")
        return 1
    except CrawlError as exc:
        print("failed:", exc)
        return 2
    for page in sorted(pages, key=lambda p: p.url):
        print(page.url, page.status, len(page.links))
    print("max in flight:", web.max_in_flight <= args.concurrency)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(parse_args(sys.argv[1:]), web=FakeWeb.sample())))
