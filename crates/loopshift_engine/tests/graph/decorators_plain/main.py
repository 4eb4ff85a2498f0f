import functools

def identity(f):
    return f

def logged(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        note(f)
        return f(*args, **kwargs)
    return wrapper

def note(f):
    pass

def repeat(times):
    def deco(f):
        def inner(*args):
            for _ in range(times):
                f(*args)
        return inner
    return deco

@identity
def a():
    pass

@logged
def b(x):
    return a()

@repeat(3)
def c():
    b(1)

@identity
@logged
def d():
    pass

a()
b(1)
c()
d()
