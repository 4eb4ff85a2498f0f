class Conf:
    def get(self, k): return self.load(k)
    def load(self, k): return k
    def reload(self): pass

def make_conf():
    return Conf()

conf = make_conf()
hook = None

def fire():
    hook()
