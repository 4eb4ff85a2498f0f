# moves: fully
import eventlet

eventlet.monkey_patch()

import subprocess
import sys
import time
import threading

counter = 0
guard = threading.Lock()


def work(name, delay):
    global counter
    time.sleep(delay)
    with guard:
        counter += 1
    print(name, counter)


def shell():
    out = subprocess.check_output([sys.executable, "-c", "print('child')"])
    print(out.decode().strip())


def main():
    pool = [eventlet.spawn(work, str(n), 0.01 * n) for n in (3, 1, 2)]
    for one in pool:
        one.wait()
    shell()
    print("done", counter)


if __name__ == "__main__":
    main()
