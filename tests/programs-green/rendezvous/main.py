# moves: fully
"""Queues that hand over, and timeouts, of eventlet."""

import eventlet
from eventlet.queue import Queue, LightQueue, PriorityQueue, Empty, Full
from eventlet.semaphore import Semaphore
from eventlet import Timeout


def producer(channel, n):
    for item in range(n):
        channel.put(item)
        print("handed over", item)
    channel.put(None)


def consumer(channel):
    while True:
        item = channel.get()
        if item is None:
            return
        print("got", item)
        eventlet.sleep(0.001)


def timed(queue):
    with Timeout(0.02, False):
        return queue.get()
    return "nothing"


def attempt(seconds):
    timeout = Timeout(0.3)
    try:
        eventlet.sleep(seconds)
        return "in time"
    except Timeout as t:
        if t is not timeout:
            raise
        return f"late: {t}"
    finally:
        timeout.cancel()


def main():
    channel = Queue(0)
    eventlet.spawn(producer, channel, 3)
    consumer(channel)
    light = LightQueue(1)
    print(timed(light), attempt(0.001), attempt(2))
    light.put("x")
    try:
        light.put("y", timeout=0.01)
    except Full:
        print("full")
    print(light.get(), light.qsize())
    try:
        light.get(block=False)
    except Empty:
        print("empty")
    tasks = PriorityQueue()
    for p in (3, 1, 2):
        tasks.put((p, f"job{p}"))
    print([tasks.get()[1] for _ in range(3)])
    sem = Semaphore(2)
    running = []
    together = []

    def job(n):
        with sem:
            running.append(n)
            together.append(len(running))
            print("start", n)
            eventlet.sleep(0.005)
            running.remove(n)

    for t in [eventlet.spawn(job, n) for n in range(4)]:
        t.wait()
    print("at most", max(together))
    print(eventlet.with_timeout(0.01, eventlet.sleep, 1, timeout_value="late"))


if __name__ == "__main__":
    main()
