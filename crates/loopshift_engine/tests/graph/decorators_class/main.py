class Memo:
    def __init__(self, func):
        self.func = func
        self.cache = {}

    def __call__(self, *args):
        if args not in self.cache:
            self.cache[args] = self.func(*args)
        return self.cache[args]

class Route:
    routes = {}

    def __init__(self, path):
        self.path = path

    def __call__(self, func):
        self.routes[self.path] = func
        return func

@Memo
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

@Route("/index")
def index():
    return "index"

@Route("/about")
def about():
    return index()

fib(5)
about()
for path in Route.routes:
    Route.routes[path]()
