def on_ok(v):
    return v

def on_err(e):
    log(e)

def log(e):
    pass

def execute(task, success=None, failure=None):
    try:
        value = task()
    except Exception as e:
        if failure:
            failure(e)
    else:
        if success:
            success(value)

def good():
    return 1

def bad():
    raise ValueError("x")

execute(good, on_ok, on_err)
execute(bad, success=on_ok, failure=on_err)

class Emitter:
    def __init__(self):
        self._subs = []

    def subscribe(self, fn):
        self._subs.append(fn)
        return fn

    def emit(self, *args):
        for sub in self._subs:
            sub(*args)

em = Emitter()
em.subscribe(on_ok)

@em.subscribe
def extra(v):
    log(v)

em.emit(1)
