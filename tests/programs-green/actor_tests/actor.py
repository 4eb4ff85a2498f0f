import eventlet
from eventlet.event import Event
from eventlet.queue import Queue


class Stopped(Exception):
    pass


class Actor:
    def __init__(self):
        self.mailbox = Queue()
        self.thread = None
        self.alive = False

    def start(self):
        self.alive = True
        self.thread = eventlet.spawn(self._main)
        return self

    def _main(self):
        try:
            while True:
                method, args, reply = self.mailbox.get()
                try:
                    result = getattr(self, "on_" + method)(*args)
                except Stopped:
                    reply.send("stopped")
                    return "ended"
                except Exception as error:
                    reply.send_exception(error)
                else:
                    reply.send(result)
        finally:
            self.alive = False

    def ask(self, method, *args):
        if not self.alive:
            raise RuntimeError("not running")
        reply = Event()
        self.mailbox.put((method, args, reply))
        return reply.wait()

    def on_stop(self):
        raise Stopped


class Adder(Actor):
    def __init__(self):
        super().__init__()
        self.total = 0

    def on_add(self, n):
        eventlet.sleep(0.05)
        self.total += n
        return self.total


class Proxy:
    def __init__(self, actor):
        self.actor = actor

    def add(self, *numbers):
        return [self.actor.ask("add", n) for n in numbers]
