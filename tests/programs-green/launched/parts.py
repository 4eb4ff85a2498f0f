import gevent
from gevent.event import Event


class Pump:
    def __init__(self, queue):
        self.queue = queue
        self.stopped = Event()

    def start(self):
        self.task = gevent.spawn(self.run)

    def run(self):
        for number in range(3):
            self.queue.put(number)
            gevent.sleep(0.01)
        self.stopped.set()
        return "pumped"


class Sink:
    def __init__(self, queue):
        self.queue = queue
        self.items = []

    def start(self):
        self.greenlet = gevent.spawn(self.run)

    def run(self):
        while True:
            self.items.append(self.queue.get())


class Note:
    def __init__(self, queue):
        self.queue = queue

    def start(self):
        print("a note on", self.queue.qsize())


KINDS = {"pump": Pump, "sink": Sink, "note": Note}


def launch(kind, *args):
    part = KINDS[kind](*args)
    part.start()
    return part
