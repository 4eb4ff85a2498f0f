# moves: fully
"""Digests that are worked out in real threads."""

import hashlib
import time

import eventlet
from eventlet import tpool


def digest(text, rounds=10):
    data = text.encode()
    for _ in range(rounds):
        data = hashlib.sha256(data).digest()
    time.sleep(0.05)
    return data.hex()[:8]


def failing():
    raise RuntimeError("in a thread")


class Worker:
    def __init__(self, results):
        self.results = results

    def work(self, text):
        self.results[text] = tpool.execute(digest, text, rounds=3)


def main():
    results = {}
    worker = Worker(results)
    threads = [eventlet.spawn(worker.work, text) for text in ("a", "b", "c")]
    for thread in threads:
        thread.wait()
    for text in sorted(results):
        print(text, results[text])
    try:
        tpool.execute(failing)
    except RuntimeError as error:
        print("caught", error)
    print(len(tpool.execute(digest, "x")))
    tpool.killall()


if __name__ == "__main__":
    main()
