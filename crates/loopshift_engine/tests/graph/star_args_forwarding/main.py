def target(a, b, *rest, key=None, **kw):
    a()
    b()
    for r in rest:
        r()
    key()
    for v in kw.values():
        v()

def forward(*args, **kwargs):
    return target(*args, **kwargs)

def f1(): pass
def f2(): pass
def f3(): pass
def f4(): pass
def f5(): pass

forward(f1, f2, f3, key=f4, extra=f5)

def outer(fn, *args):
    return fn(*args)

def apply(x, y):
    x()
    return y

outer(apply, f1, f2)()
opts = {"x": f3, "y": f4}
apply(**opts)()
pair = [f1, f5]
apply(*pair)()
def kwonly(*, cb):
    cb()
kwonly(cb=f2)
kwonly(**{"cb": f3})
