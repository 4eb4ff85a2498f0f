import gevent


class Hub:
    def __init__(self):
        self.handlers = {}
        self.log = []

    def on(self, name, handler):
        self.handlers.setdefault(name, []).append(handler)

    def emit(self, name, *args):
        jobs = [gevent.spawn(handler, *args) for handler in self.handlers.get(name, ())]
        gevent.joinall(jobs)
        return [job.value for job in jobs]
