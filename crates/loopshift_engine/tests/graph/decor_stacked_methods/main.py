import functools

def trace(level):
    def deco(fn):
        @functools.wraps(fn)
        def inner(self, *args):
            self.record(level)
            return fn(self, *args)
        return inner
    return deco

class Service:
    @trace("info")
    def start(self):
        return self.boot()

    @staticmethod
    @functools.lru_cache
    def config():
        return load()

    @classmethod
    @trace("debug")
    def make(cls):
        return cls()

    @classmethod
    def record(cls, level):
        pass

    def boot(self):
        pass

def load():
    return 1

s = Service()
s.start()
Service.config()
Service.make().start()
