# moves: fully
import gevent
from functools import partial

from commands import COMMANDS, run, Registry, registry


def on_done(result):
    print("done", result)


def on_done_slowly(result):
    gevent.sleep(0.001)
    print("done slowly", result)


class Machine:
    def __init__(self):
        self.handlers = {"start": self.start, "stop": self.stop}
        self.callbacks = []
        self.state = "new"

    def start(self):
        gevent.sleep(0.001)
        self.state = "started"
        return self.state

    def stop(self):
        self.state = "stopped"
        return self.state

    def fire(self, name):
        handler = self.handlers.get(name)
        result = handler and handler()
        for callback in self.callbacks:
            callback(result)
        return result


def main():
    for name in ("add", "wait", "twice"):
        print(name, run(name, 2, 3))
    machine = Machine()
    machine.callbacks.append(on_done)
    machine.callbacks.append(on_done_slowly)
    machine.callbacks.append(print)
    print(machine.fire("start"), machine.fire("stop"), machine.fire("nope"))
    waiting = partial(COMMANDS["wait"], 10)
    print(waiting(20))
    for name in sorted(registry.names()):
        print(registry.call(name, 5))


if __name__ == "__main__":
    main()
