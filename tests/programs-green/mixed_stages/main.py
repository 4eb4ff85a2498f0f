# moves: fully
"""A line of stages: some of their methods are generators that wait, others give a list at once."""

import eventlet

from stages import Batch, Collect, Doubled, Map, Missing


def square(number):
    eventlet.sleep(0.01)
    return number * number


def through(line, numbers):
    pool = eventlet.GreenPool()
    line.start(pool)
    for number in numbers:
        line.inbox.put(number)
    line.inbox.put(None)
    pool.waitall()


def main():
    sink = Collect()
    through(Map(square) | Doubled() | Batch(3) | sink, range(5))
    print(sink.seen)
    sink = Collect()
    through(Map(square) | Missing() | sink, range(2))
    print(sink.seen)
    print([list(Doubled().process(1)), Batch(2).finish() is None])


if __name__ == "__main__":
    main()
