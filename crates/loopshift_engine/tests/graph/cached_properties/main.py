from functools import cached_property, lru_cache, cache, singledispatch, wraps

class Config:
    @cached_property
    def db(self):
        return connect()

    @property
    @wraps(len)
    def raw(self):
        return connect()

    @lru_cache(maxsize=None)
    def compute(self, n):
        return helper(n)

def connect():
    return Db()

class Db:
    def ping(self): pass

@cache
def helper(n):
    return n

@lru_cache
def helper2(n):
    return helper(n)

c = Config()
c.db.ping()
c.raw.ping()
c.compute(1)
helper2(3)
