# moves: fully
"""Readers and writers of records, as generators."""
import gevent
from gevent.queue import Queue

from feed import Feed, batches, numbers, relay


def total(source):
    return sum(value for value in source)


def main():
    queue = Queue()

    def fill():
        for number in range(7):
            gevent.sleep(0.01)
            queue.put(number)
        queue.put(None)

    gevent.spawn(fill)
    for batch in batches(numbers(queue), 3):
        print("batch", batch)
    print("list", list(numbers_of(3)))
    print("squares", [x * x for x in numbers_of(4)])
    print("sum", sum(numbers_of(5)), total(numbers_of(5)))
    for index, value in enumerate(numbers_of(2)):
        print(index, value)
    print("relay", tuple(relay(2)))
    feed = Feed(3)
    for item in feed:
        print("feed", item)
    print(sorted(Feed(2)))
    print(max(slow(x) for x in range(3)), any(slow(x) > 1 for x in range(10)))
    for x in numbers_of(10):
        if x == 2:
            break
        print("early", x)
    print("after")
    gen = numbers_of(4)
    print(next(gen), next(gen), next(gen, None))
    gen.close()


def slow(x):
    gevent.sleep(0)
    print("slow", x)
    return x


def numbers_of(count):
    try:
        for number in range(count):
            gevent.sleep(0.001)
            yield number
    finally:
        print("closed", count)


if __name__ == "__main__":
    main()
