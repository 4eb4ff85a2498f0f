__all__ = ["area", "scale"]

def area(r):
    return _square(r)

def _square(x):
    return x * x

def scale(x):
    return x

def not_exported():
    pass
