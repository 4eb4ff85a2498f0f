def api(x):
    return x

def fallback(x):
    return api(x)

api.on_error = fallback
api.on_error(1)

def deco(**opts):
    def wrap(fn):
        fn.options = opts
        fn.run = lambda: fn(opts)
        return fn
    return wrap

@deco(a=1)
def job(o):
    return o

job.run()
job(2)
