def double(n):
    return n * 2

def halve(n):
    from . import numbers
    return numbers.double(n) / 4
