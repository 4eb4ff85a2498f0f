# moves: fully
import gevent
from gevent import Greenlet
from gevent.event import Event


class Service(Greenlet):
    registry = {}

    def __init__(self, name, *depends):
        super(Service, self).__init__()
        self.name_ = name
        self.depends = depends
        self.up = Event()
        self.registry[name] = self

    def _run(self):
        for name in self.depends:
            self.registry[name].up.wait()
        self.setup()
        self.up.set()
        return self.name_

    def setup(self):
        pass


class Database(Service):
    def setup(self):
        gevent.sleep(0.01)
        order.append("db")


class Web(Service):
    def setup(self):
        order.append("web")


order = []
services = [Web("web", "db"), Database("db")]
for service in services:
    service.start()
gevent.joinall(services)
print(order, [s.value for s in services], [s.up.is_set() for s in services])
late = Database("late")
late.start_later(0.01)
print(late.started, bool(late))
late.join()
print(late.ready(), late.successful(), order)
