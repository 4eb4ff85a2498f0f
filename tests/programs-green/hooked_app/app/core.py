import importlib
import gevent
import gevent.event
from gevent.queue import JoinableQueue
from .util import import_string, Registry

registry = Registry()

class Application:
    queue_class = JoinableQueue
    def __init__(self, config):
        self.config = config
        self.queue = self.queue_class()
        self.workers = []
        self.stopping = gevent.event.Event()
        self.results = []
    def setup(self):
        for path in self.config["hooks"]:
            registry.add(import_string(path))
    def start(self):
        self.workers = [gevent.spawn(self._worker, n) for n in range(self.config["workers"])]
        for item in self.config["items"]:
            self.queue.put(item)
    def _worker(self, n):
        while not self.stopping.is_set():
            item = self.queue.get()
            try:
                for hook in registry:
                    item = hook(item)
                self.results.append(item)
            finally:
                self.queue.task_done()
    def wait(self):
        self.queue.join()
        print(sorted(self.results))
        return 0
    def stop(self):
        self.stopping.set()
        gevent.killall(self.workers)
        print([w.dead for w in self.workers])
