import eventlet
from eventlet import event, queue

from app.service import Service


class HeartbeatService(Service):
    def __init__(self, name, interval):
        super(HeartbeatService, self).__init__(name)
        self.interval = interval
        self.beats = 0

    def run(self):
        while self.running:
            self.beats += 1
            eventlet.sleep(self.interval)
        print("beats", self.beats > 2)
        self.finished()


class RpcService(Service):
    def __init__(self, name):
        super(RpcService, self).__init__(name)
        self.requests = queue.LightQueue()

    def call(self, method, *args):
        reply = event.Event()
        self.requests.put((method, args, reply))
        try:
            return reply.wait()
        except ValueError as exc:
            return "error: %s" % exc

    def run(self):
        while self.running:
            item = self.requests.get()
            if item is None:
                break
            self.tg.spawn(self.dispatch, *item)
        self.finished()

    def dispatch(self, method, args, reply):
        eventlet.sleep(0.01)
        try:
            reply.send(getattr(self, "do_" + method)(*args))
        except Exception as exc:
            reply.send_exception(exc)

    def do_add(self, a, b):
        return a + b

    def do_fail(self):
        raise ValueError("no")

    def stop(self):
        super(RpcService, self).stop()
        self.requests.put(None)
