class Lock:
    def acquire(self): pass
    def release(self): pass
    def __enter__(self):
        self.acquire()
    def __exit__(self, *a):
        self.release()

class Db:
    def __init__(self):
        self.lock = Lock()

    def tx(self):
        return Tx(self)

    def save(self, x):
        with self.lock:
            self.write(x)

    def write(self, x): pass

class Tx:
    def __init__(self, db):
        self.db = db
    def __enter__(self):
        return self.db
    def __exit__(self, t, v, tb):
        if t: self.rollback()
        else: self.commit()
    def commit(self): pass
    def rollback(self): pass

db = Db()
with db.tx() as h, Lock():
    h.save(1)
def run():
    with Db().tx() as d:
        return d.save(2)
run()
try:
    with db.tx():
        raise ValueError
except ValueError:
    pass
