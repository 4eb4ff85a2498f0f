# moves: fully
"""A log that a thread writes, started where it is made."""
from gevent import monkey

monkey.patch_all()

import threading
from queue import Empty, Queue


class AsyncLog:
    def __init__(self, sink):
        self.sink = sink
        self.queue = Queue()
        self.flushed = threading.Event()
        self.thread = threading.Thread(target=self._drain, daemon=True)
        self.thread.start()

    def write(self, text):
        self.flushed.clear()
        self.queue.put(text)

    def _drain(self):
        while True:
            try:
                text = self.queue.get(timeout=0.05)
            except Empty:
                self.flushed.set()
                continue
            if text is None:
                self.flushed.set()
                break
            self.sink.append(text)

    def close(self):
        self.queue.put(None)
        self.thread.join()


def main():
    lines = []
    log = AsyncLog(lines)
    for n in range(3):
        log.write(f"line {n}")
    print(log.flushed.wait(1), lines)
    log.close()
    print(log.thread.is_alive(), log.flushed.is_set())


if __name__ == "__main__":
    main()
