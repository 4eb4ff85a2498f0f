# moves: fully
"""Requests and answers that may fail or come late."""

import gevent
from gevent.event import AsyncResult, Event
from gevent.queue import Queue
from gevent import Timeout


class Failed(Exception):
    pass


class Server:
    def __init__(self):
        self.requests = Queue()
        self.stopped = Event()
        self.pending = {}
        self.calls = {"add": self.do_add, "slow": self.do_slow, "fail": self.do_fail}

    def call(self, name, *args, timeout=None):
        result = AsyncResult()
        self.pending[name] = result
        self.requests.put((name, args, result))
        return result.get(timeout=timeout)

    def cast(self, name, *args):
        result = AsyncResult()
        self.requests.put((name, args, result))
        return result

    def serve(self):
        while not self.stopped.is_set():
            name, args, result = self.requests.get()
            if name == "stop":
                self.stopped.set()
                result.set()
                continue
            gevent.spawn(self.handle, name, args, result)

    def handle(self, name, args, result):
        try:
            value = self.calls[name](*args)
        except Exception as error:
            result.set_exception(error)
        else:
            result.set(value)

    def do_add(self, a, b):
        return a + b

    def do_slow(self):
        gevent.sleep(0.3)
        return "slow"

    def do_fail(self):
        raise Failed("no")


def main():
    server = Server()
    loop = gevent.spawn(server.serve)
    print(server.call("add", 1, 2))
    try:
        server.call("slow", timeout=0.01)
    except Timeout:
        print("too slow")
    try:
        server.call("fail")
    except Failed as error:
        print("failed", error)
    later = server.cast("slow")
    print(later.ready(), later.successful(), later.value)
    print(later.wait(timeout=0.01), later.wait())
    print(later.ready(), later.successful(), later.value, later.exception)
    bad = server.cast("fail")
    bad.wait()
    print(repr(bad.exception), bad.successful())
    try:
        AsyncResult().get(block=False)
    except Timeout as error:
        print("not yet", str(error) == "")
    try:
        AsyncResult().get(timeout=0.01)
    except Timeout as error:
        print("timeout:", error)
    server.call("stop")
    loop.join()
    print(server.stopped.wait(0.1))


if __name__ == "__main__":
    main()
