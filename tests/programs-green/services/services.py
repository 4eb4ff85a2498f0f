import gevent
from base import Service


class Ticker(Service):
    def __init__(self, name, ticks):
        super().__init__(name)
        self.ticks = ticks

    def run(self):
        for n in range(self.ticks):
            self.log.append(n)
            gevent.sleep(0.03)


class Counter(Service):
    def __init__(self, name, step):
        super().__init__(name)
        self.step = step
        self.value = 0

    def run(self):
        while True:
            self.value += self.step
            gevent.sleep(0.5)

    def cleanup(self):
        super().cleanup()
        self.log.append(self.value)
