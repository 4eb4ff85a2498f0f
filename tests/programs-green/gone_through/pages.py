import gevent


def pages(count):
    for number in range(count):
        gevent.sleep(0.001)
        yield number


class Shelf:
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return pages(self.count)
