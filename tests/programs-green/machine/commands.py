import gevent


def add(a, b):
    return a + b


def wait(a, b):
    gevent.sleep(0.001)
    return a * b


def twice(a, b):
    return wait(a, b) * 2


COMMANDS = {"add": add, "wait": wait, "twice": twice}


def run(name, *args):
    return COMMANDS[name](*args)


class Registry:
    def __init__(self):
        self._functions = {}

    def register(self, name):
        def decorator(function):
            self._functions[name] = function
            return function

        return decorator

    def names(self):
        return list(self._functions)

    def call(self, name, *args, **kwargs):
        return self._functions[name](*args, **kwargs)


registry = Registry()


@registry.register("slow")
def slow(x):
    gevent.sleep(0.001)
    return ("slow", x)


@registry.register("fast")
def fast(x):
    return ("fast", x)
