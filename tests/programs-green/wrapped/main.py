# moves: fully
"""Decorators that try again, count, limit and remember what waits."""

import functools
import time
import gevent
from gevent import Timeout

class RetryError(Exception):
    pass

def retry(times, delay=0.01, on=(ValueError,)):
    def deco(func):
        @functools.wraps(func)
        def inner(*args, **kwargs):
            for attempt in range(1, times + 1):
                try:
                    return func(*args, **kwargs)
                except on as e:
                    last = e
                    gevent.sleep(delay)
            raise RetryError("%s failed %d times: %s" % (func.__name__, times, last)) from last
        inner.times = times
        return inner
    return deco

def timed(func):
    calls = []
    @functools.wraps(func)
    def inner(*a, **k):
        calls.append(a)
        try:
            return func(*a, **k)
        finally:
            inner.calls = len(calls)
    inner.calls = 0
    return inner

def limit(seconds):
    def deco(func):
        def inner(*a, **k):
            with Timeout(seconds, False):
                return func(*a, **k)
            return "timed out"
        return inner
    return deco

class memo:
    def __init__(self, func):
        self.func = func
        self.cache = {}
        functools.update_wrapper(self, func)
    def __call__(self, *args):
        if args not in self.cache:
            self.cache[args] = self.func(*args)
        return self.cache[args]

tries = []

@timed
@retry(3)
def flaky(n):
    tries.append(n)
    if len(tries) < n:
        raise ValueError("try %d" % len(tries))
    return len(tries)

@limit(0.03)
def slow(seconds):
    gevent.sleep(seconds)
    return seconds

@memo
def square(n):
    gevent.sleep(0.01)
    return n * n

class Api:
    @retry(2, on=(KeyError,))
    def fetch(self, key):
        gevent.sleep(0)
        raise KeyError(key)
    @staticmethod
    @timed
    def ping():
        gevent.sleep(0)
        return "pong"
    @classmethod
    @timed
    def make(cls):
        gevent.sleep(0)
        return cls()

def main():
    print(flaky(2), flaky.calls, flaky.__name__)
    tries.clear()
    try:
        flaky(10)
    except RetryError as e:
        print(e, repr(e.__cause__))
    print(slow(0.001), slow(1))
    print(square(3), square(3), square.cache, square.__name__)
    try:
        Api.make().fetch("k")
    except RetryError as e:
        print(e)
    print(Api.ping(), Api.ping.calls)

main()
