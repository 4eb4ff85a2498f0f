from functools import singledispatch

@singledispatch
def show(x):
    return base(x)

@show.register(int)
def _(x):
    return num(x)

@show.register
def show_str(x: str):
    return text(x)

def base(x): return x
def num(x): return x
def text(x): return x

show(1.5)
show(1)
show("a")
