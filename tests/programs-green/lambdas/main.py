# moves: fully
import gevent
from gevent.pool import Pool


def fetch(x):
    gevent.sleep(0.01)
    return x * 2


def apply(function, *args):
    return function(*args)


def main():
    print(apply(lambda: fetch(1)))
    print(apply(lambda x: fetch(x) + 1, 5))
    pause = lambda: gevent.sleep(0.001)
    pause()
    actions = {"a": lambda x: fetch(x), "b": lambda x: x}
    print([actions[name](3) for name in "ab"])
    job = gevent.spawn(lambda: fetch(7))
    print(job.get())
    later = gevent.spawn(lambda x: print("spawned", fetch(x)), 8)
    later.join()


if __name__ == "__main__":
    main()
