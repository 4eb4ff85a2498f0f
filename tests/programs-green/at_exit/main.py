# moves: with --unsafe
import atexit

import gevent


def close():
    print("closing")


def flush():
    gevent.sleep(0.001)
    print("flushed")


atexit.register(close)
atexit.register(flush)


def main():
    gevent.sleep(0.001)
    print("main")


if __name__ == "__main__":
    main()
