# moves: fully
import functools
import time

import gevent


def retry(times, pause=0.001):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(times):
                try:
                    return function(*args, **kwargs)
                except ValueError as error:
                    print("failed", attempt, error)
                    gevent.sleep(pause)
            raise RuntimeError(function.__name__)

        return wrapper

    return decorate


def logged(function):
    @functools.wraps(function)
    def wrapper(*args):
        print("->", function.__name__)
        result = function(*args)
        print("<-", result)
        return result

    return wrapper


class Counted:
    def __init__(self, function):
        self.function = function
        self.count = 0
        functools.update_wrapper(self, function)

    def __call__(self, *args):
        self.count += 1
        return self.function(*args)


calls = []


@retry(3)
def flaky(x):
    calls.append(x)
    if len(calls) < 3:
        raise ValueError(x)
    return x * 10


@logged
def slow(x):
    gevent.sleep(0.001)
    return x + 1


@logged
def plain(x):
    return x - 1


@Counted
def counted(x):
    gevent.sleep(0.001)
    return x * x


def main():
    print(flaky(4))
    print(slow(1), plain(1))
    print(counted(3), counted(4), counted.count, counted.__name__)


main()
