def plain():
    pass


def _behind():
    pass


def __getattr__(name):
    return _behind
