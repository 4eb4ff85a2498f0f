import gevent
from gevent.event import AsyncResult
from gevent.queue import Queue

END = object()


class Keeper:
    def __init__(self):
        self.mailbox = Queue()

    def begun(self):
        pass

    def loop(self):
        self.begun()
        for message in self.mailbox:
            if message is END:
                break
            name, args, reply = message
            try:
                result = getattr(self, "on_" + name)(*args)
            except Exception as error:
                if reply is not None:
                    reply.set_exception(error)
            else:
                if reply is not None:
                    reply.set(result)


def tell(keeper, name, *args):
    keeper.mailbox.put((name, args, None))


def ask(keeper, name, *args, timeout=None):
    reply = AsyncResult()
    keeper.mailbox.put((name, args, reply))
    return reply.get(timeout=timeout)


class System:
    def __init__(self):
        self.keepers = []
        self.greenlets = []

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        for keeper in self.keepers:
            keeper.mailbox.put(END)
        gevent.joinall(self.greenlets)

    def start(self, cls):
        keeper = cls()
        self.keepers.append(keeper)
        self.greenlets.append(gevent.spawn(keeper.loop))
        return keeper

    def count(self):
        return sum(1 for greenlet in self.greenlets if not greenlet.ready())
