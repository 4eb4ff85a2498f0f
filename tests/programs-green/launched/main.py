# moves: fully
"""Objects of classes that have little in common are started by one function, and asked for what only one has."""

import gevent
from gevent.queue import Queue

from parts import launch


def main():
    queue = Queue()
    pump = launch("pump", queue)
    sink = launch("sink", queue)
    launch("note", queue)
    pump.stopped.wait()
    pump.task.join()
    gevent.sleep(0.03)
    sink.greenlet.kill()
    print(sink.items, sink.greenlet.dead, pump.task.value)
    for part in (pump, sink):
        if hasattr(part, "items"):
            print("items", len(part.items))


if __name__ == "__main__":
    main()
