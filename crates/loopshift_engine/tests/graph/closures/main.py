def counter():
    n = 0
    def step():
        nonlocal n
        n += bump()
        return n
    def reset():
        nonlocal n
        n = 0
    return step, reset

def bump():
    return 1

step, reset = counter()
step()
reset()

def adder(fn):
    def add(x):
        def deeper():
            return fn(x)
        return deeper()
    return add

def ident(x):
    return x

adder(ident)(2)

def make_ops():
    def a(): return 1
    def b(): return a()
    return {"a": a, "b": b}

ops = make_ops()
ops["b"]()
