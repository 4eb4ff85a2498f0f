import gevent


def numbers(queue):
    while True:
        value = queue.get()
        if value is None:
            return
        yield value


def batches(source, size):
    batch = []
    for value in source:
        batch.append(value)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def relay(count):
    yield "start"
    yield from steps(count)
    yield from ["end", "really"]


def steps(count):
    for number in range(count):
        gevent.sleep(0.001)
        yield f"step {number}"


class Feed:
    def __init__(self, limit):
        self.limit = limit
        self.at = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.at >= self.limit:
            raise StopIteration
        gevent.sleep(0.001)
        self.at += 1
        return self.at
