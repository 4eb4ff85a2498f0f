# moves: fully
"""Handlers by name, which a pool runs."""

import functools

import eventlet

HANDLERS = {}


def handler(name):
    def register(func):
        HANDLERS[name] = func
        return func
    return register


def timed(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        print("->", func.__name__)
        try:
            return func(*args, **kwargs)
        finally:
            print("<-", func.__name__)
    return wrapper


@handler("sleep")
@timed
def do_sleep(seconds):
    eventlet.sleep(seconds)
    return "slept"


@handler("echo")
@timed
def do_echo(text):
    eventlet.sleep(0)
    return text


def dispatch(name, *args):
    return HANDLERS[name](*args)


def main():
    pool = eventlet.GreenPool(2)
    jobs = [("sleep", 0.1), ("echo", "hi"), ("sleep", 0.05)]
    threads = [pool.spawn(dispatch, *job) for job in jobs]
    pool.waitall()
    print([thread.wait() for thread in threads])


if __name__ == "__main__":
    main()
