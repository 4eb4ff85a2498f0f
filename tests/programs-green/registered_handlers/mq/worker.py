import gevent


class WorkerError(Exception):
    pass


class Worker(gevent.Greenlet):
    def __init__(self, name, broker):
        super().__init__()
        self.label = name
        self.broker = broker
        self.handled = 0

    def _run(self):
        for ticket in self.broker:
            self.handled += 1
            self.handle(ticket)
        return self.label

    def handle(self, ticket):
        function = self.broker.registry[ticket.name]
        try:
            ticket.done(function(*ticket.args, **ticket.kwargs))
        except Exception as error:
            wrapped = WorkerError(f"{ticket.name} failed")
            wrapped.__cause__ = error
            ticket.failed(wrapped)
