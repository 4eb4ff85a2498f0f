# moves: fully
"""A crawler of a small site that lives in memory."""
from gevent import monkey

monkey.patch_all()

import sys

from crawler.engine import Crawler
from crawler.report import render
from crawler.site import PAGES


def main():
    crawler = Crawler(PAGES, concurrency=3)
    crawler.crawl("/")
    sys.stdout.write(render(crawler))


if __name__ == "__main__":
    main()
