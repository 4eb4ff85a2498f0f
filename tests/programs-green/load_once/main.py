# moves: fully
"""What several ask for is loaded once."""

import eventlet
from eventlet.event import Event


class Cache(object):
    """Each key is loaded once, however many ask for it."""

    def __init__(self, loader):
        self.loader = loader
        self.events = {}
        self.loads = 0

    def get(self, key):
        event = self.events.get(key)
        if event is None:
            event = self.events[key] = Event()
            self.loads += 1
            try:
                event.send(self.loader(key))
            except Exception as error:
                event.send(exc=error)
        return event.wait()


def load(key):
    eventlet.sleep(0.05)
    return 100 // key


def ask(cache, key, out):
    try:
        out.append((key, cache.get(key)))
    except ZeroDivisionError:
        out.append((key, None))


def main():
    cache = Cache(load)
    out = []
    threads = [eventlet.spawn(ask, cache, key, out) for key in (1, 2, 1, 0, 2, 0)]
    for thread in threads:
        thread.wait()
    print(sorted(out, key=str), cache.loads)
    print(cache.events[1].ready(), cache.events[1].has_result(), cache.events[0].has_exception())
    cache.events[2].reset()
    print(cache.events[2].poll("nothing"), cache.events[1].poll())


if __name__ == "__main__":
    main()
