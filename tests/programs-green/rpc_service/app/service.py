import eventlet
from eventlet import event


class Service(object):
    def __init__(self, name, threads=10):
        self.name = name
        self.tg = eventlet.GreenPool(threads)
        self._done = event.Event()
        self.running = False

    def start(self):
        self.running = True
        self.tg.spawn_n(self.run)

    def run(self):
        raise NotImplementedError

    def stop(self):
        self.running = False

    def finished(self):
        if not self._done.ready():
            self._done.send(self.name)

    def wait(self):
        return self._done.wait()


class Launcher(object):
    def __init__(self):
        self.services = {}

    def add(self, service):
        self.services[service.name] = service

    def names(self):
        return list(self.services)

    def start(self):
        for service in self.services.values():
            service.start()

    def wait_for(self, seconds):
        eventlet.sleep(seconds)

    def stop(self):
        for service in self.services.values():
            service.stop()
        for service in self.services.values():
            print("finished", service.wait())
