import gevent


class Store:
    def __init__(self):
        self.items = {}

    def put(self, key, value):
        gevent.sleep(0.001)
        self.items[key] = value

    def get(self, key):
        gevent.sleep(0.001)
        if key not in self.items:
            raise KeyError(key)
        return self.items[key]

    def close(self):
        gevent.sleep(0)
        self.items.clear()
