def on_a(**kw): return kw
def on_b(x, **kw): return x(**kw)
def cb(**kw): return kw.get("z", default)()
def default(): return 0

def route(name, **handlers):
    return handlers[name]

route("a", a=on_a)(k=1)
route("b", a=on_a, b=on_b)(cb, z=default)
class Opts:
    def __init__(self, **kw):
        for k, v in kw.items():
            setattr(self, k, v)

o = Opts(hook=default, size=3)
o.hook()
self_opts = {"hook": cb}
Opts(**self_opts).hook()
