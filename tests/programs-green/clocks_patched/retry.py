import functools
import time


def patient(times, pause=0.01, sleep=time.sleep):
    def decorate(function):
        @functools.wraps(function)
        def call(*args):
            for attempt in range(times):
                try:
                    return function(*args)
                except ConnectionError:
                    if attempt == times - 1:
                        raise
                    sleep(pause * (attempt + 1))
        return call
    return decorate


class Retrying:
    def __init__(self, limit, clock=None):
        self.limit = limit
        self.pauses = 0
        self._sleep = clock or time.sleep

    def call(self, function, *args):
        for _ in range(self.limit):
            self.pauses += 1
            self._sleep(0.01)
            try:
                return function(*args)
            except ConnectionError:
                continue
        return None
