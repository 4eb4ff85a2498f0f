# moves: fully
import logging
import sys

import gevent

from catalog import Catalog
from logs import set_up

log = logging.getLogger("shop")


def visit(catalog, name):
    log.debug("%s looks for %s", name, catalog.list(name))
    gevent.sleep(0.01)
    log.info("%s is done", name)


def main():
    catalog = Catalog()
    jobs = [gevent.spawn(visit, catalog, name) for name in ("ann", "bob")]
    gevent.joinall(jobs)


if __name__ == "__main__":
    set_up(verbose="-q" not in sys.argv)
    main()
