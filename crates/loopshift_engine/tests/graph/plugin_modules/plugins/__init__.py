REGISTRY = {}

def register(fn):
    REGISTRY[fn.__name__] = fn
    return fn

def load_all():
    from . import alpha, beta
    alpha.run()
    beta.run()
