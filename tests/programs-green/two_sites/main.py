# moves: fully
"""Objects that several calls make meet in one function."""

import eventlet
from eventlet import event


def work(number):
    eventlet.sleep(0.1 * number)
    return number


def done(thread, label):
    print(label, "gave", thread.wait())


def fill(pool, name, results):
    results[name] = pool.spawn(work, len(name))


def tell(signal, text):
    signal.send(text)


def main():
    first = eventlet.spawn(work, 1)
    first.link(done, "first")
    second = eventlet.spawn(work, 2)
    second.link(done, "second")
    results = {}
    fill(eventlet.GreenPool(1), "a", results)
    fill(eventlet.GreenPool(2), "bbbbb", results)
    for name in sorted(results):
        print(name, results[name].wait())
    started, stopped = event.Event(), event.Event()
    tell(started, "up")
    tell(stopped, "down")
    print(started.wait(), stopped.wait())


if __name__ == "__main__":
    main()
