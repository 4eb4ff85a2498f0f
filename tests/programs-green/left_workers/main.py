# moves: fully
import gevent
from gevent.queue import Queue

log = []


class Worker:
    def __init__(self, name, queue):
        self.name = name
        self.queue = queue
        self.job = gevent.spawn(self.loop)

    def loop(self):
        log.append("start " + self.name)
        try:
            while True:
                item = self.queue.get()
                log.append(str(item))
        finally:
            log.append("stop " + self.name)


queue = Queue()
workers = [Worker(n, queue) for n in "ab"]
for n in range(3):
    queue.put(n)
    gevent.sleep(0)
gevent.sleep(0.01)
print(sorted(log))
print([w.job.ready() for w in workers])
log.append("end")
print(log[-1], len(log))
