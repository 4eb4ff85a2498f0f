import gevent


class Slow(Exception):
    pass


def work(name, seconds):
    try:
        gevent.sleep(seconds)
    except Exception:
        print("swallowed")
    return f"{name} done"


def fetch(name, seconds, limit=None):
    timeout = gevent.Timeout(limit)
    timeout.start()
    try:
        return work(name, seconds)
    except gevent.Timeout as t:
        if t is not timeout:
            raise
        return f"{name} timed out"
    finally:
        timeout.close()


def guarded(seconds):
    with gevent.Timeout(0.01, Slow("guarded")):
        work("guarded", seconds)
