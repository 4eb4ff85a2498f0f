def f():
    return 1

def g(x):
    return x

run = lambda: f()
run()
compose = lambda a, b: lambda x: a(b(x))
inc = lambda x: g(x + 1)
compose(inc, g)(1)

class K:
    op = lambda self: self.real()

    def real(self):
        return sorted([3, 1], key=lambda v: g(v))

K().op()
default = lambda x, y=f: y()
default(1)
(lambda: g(2))()
handlers = {"a": lambda: f(), "b": lambda z: g(z)}
handlers["a"]()
handlers["b"](1)

def outer():
    inner = lambda: g(0)
    return inner

outer()()
