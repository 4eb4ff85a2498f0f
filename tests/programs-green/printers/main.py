# moves: fully
"""Two printers that share a tray."""

import eventlet
from eventlet.semaphore import Semaphore

tray = Semaphore(1)


def show(name, lines):
    for number in range(lines):
        with tray:
            eventlet.sleep(0.01)
            print(name, number)


def main():
    threads = [eventlet.spawn(show, name, 2) for name in ("left", "right")]
    for thread in threads:
        thread.wait()


if __name__ == "__main__":
    main()
