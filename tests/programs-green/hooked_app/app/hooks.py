import gevent
def upper(x):
    gevent.sleep(0.01)
    return x.upper()
def twice(x):
    return x * 2
