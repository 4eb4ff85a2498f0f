# moves: fully, to asyncio
import os
import signal
import sys

import gevent


def serve():
    n = 0
    while True:
        gevent.sleep(0.01)
        n += 1
        if n == 3:
            os.kill(os.getpid(), signal.SIGINT)


def main():
    try:
        serve()
    except KeyboardInterrupt:
        print("interrupted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
