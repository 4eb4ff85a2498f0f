# moves: no, code that can't be seen calls it
import gevent


class Registry(dict):
    def register(self, func):
        self[func.__name__] = func
        return func


r = Registry()


@r.register
def slow(x):
    gevent.sleep(0.001)
    return x * 2


@r.register
def fast(x):
    return x


print(r["slow"](2), r["fast"](3), sorted(r))
