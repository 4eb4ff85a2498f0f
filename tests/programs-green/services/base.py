import gevent


class Service:
    def __init__(self, name):
        self.name = name
        self.log = []
        self._greenlet = None

    def start(self):
        self.log.append("start")
        self._greenlet = gevent.spawn(self._main)
        return self._greenlet

    def _main(self):
        try:
            self.run()
            self.log.append("ended")
        except gevent.GreenletExit:
            self.log.append("killed")
        finally:
            self.cleanup()

    def run(self):
        raise NotImplementedError

    def cleanup(self):
        self.log.append("clean")

    @property
    def alive(self):
        return self._greenlet is not None and not self._greenlet.ready()

    def stop(self):
        if self._greenlet:
            self._greenlet.kill()


class Daemon:
    def __init__(self, services):
        self.services = services

    def start(self):
        for service in self.services:
            service.start()

    def stop(self):
        gevent.joinall([service._greenlet for service in self.services], timeout=0.05)
        for service in self.services:
            service.stop()

    def status(self):
        return {service.name: service.alive for service in self.services}
