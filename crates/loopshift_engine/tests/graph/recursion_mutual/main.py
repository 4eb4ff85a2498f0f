def even(n):
    return True if n == 0 else odd(n - 1)

def odd(n):
    return False if n == 0 else even(n - 1)

def fact(n):
    return 1 if n <= 1 else n * fact(n - 1)

def walk(t, visit):
    visit(t)
    for c in t.get("c", []):
        walk(c, visit)

def leaf(t): pass

even(3)
fact(3)
walk({"c": [{}]}, leaf)
Y = lambda f: (lambda x: f(lambda v: x(x)(v)))(lambda x: f(lambda v: x(x)(v)))
Y(lambda g: lambda n: 1 if n == 0 else g(n - 1))(2)
