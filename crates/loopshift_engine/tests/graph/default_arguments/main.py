def hello(): pass
def bye(): pass
def never(): pass

def call(fn=hello, *, other=bye):
    fn()
    other()

def strict(fn=never):
    fn()

class K:
    def run(self, cb=hello, items=(bye,)):
        cb()
        for i in items:
            i()

call()
call(bye)
strict(hello)
K().run()
def cached(key, _cache={}):
    return _cache.setdefault(key, hello)
cached(1)()
