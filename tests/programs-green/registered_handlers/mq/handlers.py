import gevent

registry = {}


def handler(function=None, *, name=None):
    def register(function):
        registry[name or function.__name__] = function
        return function

    return register(function) if function is not None else register


@handler
def square(n):
    gevent.sleep(0.05)
    return n * n


@handler(name="greet")
def say_hello(*, name):
    return f"hello {name}"


@handler
def explode():
    gevent.sleep(0.05)
    return 1 // 0
