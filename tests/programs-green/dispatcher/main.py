# moves: fully
"""Commands and calls that are found by their names."""
import json

import gevent
from gevent.event import AsyncResult


class Shell:
    def run(self, line):
        name, *args = line.split()
        command = getattr(self, "do_" + name, None)
        if command is None:
            return "unknown command " + name
        return command(*args)

    def do_wait(self, ms):
        gevent.sleep(float(ms) / 1000)
        return "waited " + ms

    def do_echo(self, *words):
        return " ".join(words)


class Service:
    def add(self, a, b):
        return a + b

    def late(self, value):
        gevent.sleep(0.001)
        return value

    def div(self, a, b):
        return a / b


class Server:
    def __init__(self, service):
        self.service = service

    def call(self, text, reply):
        request = json.loads(text)
        method = getattr(self.service, request["method"])
        try:
            reply.set(method(*request["params"]))
        except ZeroDivisionError as error:
            reply.set_exception(error)


def ask(server, method, *params):
    reply = AsyncResult()
    gevent.spawn(server.call, json.dumps({"method": method, "params": params}), reply)
    return reply.get()


def main():
    shell = Shell()
    for line in ("wait 1", "echo a b", "fly"):
        print(shell.run(line))
    server = Server(Service())
    print(ask(server, "late", "x"), ask(server, "add", 1, 2))
    try:
        ask(server, "div", 1, 0)
    except ZeroDivisionError as error:
        print(error)


if __name__ == "__main__":
    main()
