import gevent


class Catalog:
    # The builtin: the method of that name comes later.
    PRICES = list(range(3))

    def list(self, name):
        gevent.sleep(0)
        return [price for price in self.PRICES if price != len(name)]
