import heapq

class Timer:
    def __init__(self, when, cb):
        self.when = when
        self.cb = cb

    def __lt__(self, other):
        return self.when < other.when

    def fire(self):
        self.cb()

class Loop:
    def __init__(self):
        self.queue = []

    def later(self, when, cb, *args):
        self.queue.append(Timer(when, lambda: cb(*args)))

    def run(self):
        for t in sorted(self.queue):
            t.fire()

def hello(x): pass
def tick(): loop.later(9, hello, 2)

loop = Loop()
loop.later(2, hello, 1)
loop.later(1, tick)
loop.run()
