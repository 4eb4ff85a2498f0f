# moves: fully
"""Decorators that are used with settings and without."""
import gevent

from decorators import announced, counted, retry, traced

calls = []


@retry
def one(n):
    calls.append(n)
    gevent.sleep(0.02)
    if len(calls) < 2:
        raise ValueError(n)
    return n


@retry(times=1)
def two(n):
    raise ValueError(n)


@traced
def three(n):
    gevent.sleep(0.02)
    return n * 3


@traced(label="four")
def four(n):
    return n * 4


@counted
def five():
    gevent.sleep(0.02)


@counted(by=10)
def six():
    return None


@announced
def seven():
    gevent.sleep(0.02)
    return 7


@announced(name="eight")
def eight():
    return 8


def main():
    print(one(1), two(2), calls)
    print(three(3), four(4))
    five()
    six()
    five()
    print(counted.total)
    print(seven(), eight())


if __name__ == "__main__":
    main()
