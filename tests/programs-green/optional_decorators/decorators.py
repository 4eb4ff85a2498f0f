import functools

import gevent


def retry(function=None, *, times=2):
    if function is None:
        return functools.partial(retry, times=times)

    @functools.wraps(function)
    def wrapper(*args):
        for attempt in range(times):
            try:
                return function(*args)
            except ValueError:
                gevent.sleep(0.02)
        return "gave up"

    return wrapper


def traced(function=None, label=None):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            print("call", label or function.__name__)
            return function(*args)

        return wrapper

    return decorate(function) if function is not None else decorate


def counted(function=None, *, by=1):
    """Counts calls."""

    def decorate(function):
        def wrapper():
            counted.total += by
            return function()

        return wrapper

    if callable(function):
        return decorate(function)
    else:
        return decorate


counted.total = 0


def announced(function=None, name=None):
    def announce(function):
        print("announce", name or function.__name__)
        return function

    if not function:
        return announce
    return announce(function)
