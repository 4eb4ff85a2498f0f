import gevent


def work():
    gevent.sleep(0.001)
    return 3


def entry():
    print("work", work())


def other():
    """Another command."""
    print("other", work())
    return 0
