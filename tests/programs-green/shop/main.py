# moves: fully
"""A shop: deliveries that take a while, a report at the end."""

import gevent

from shop.model import Express, Order, Shop
from shop.report import report


def main():
    shops = [Shop("plain"), Express("express")]
    orders = [Order(name, count) for name, count in (("tea", 2), ("cups", 1), ("milk", 3))]
    workers = [gevent.spawn(shop.sell_all, orders) for shop in shops]
    gevent.joinall(workers)
    for shop, worker in zip(shops, workers):
        print(shop.name, worker.value)
    report(shops)


if __name__ == "__main__":
    main()
