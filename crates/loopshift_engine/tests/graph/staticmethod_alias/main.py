class Tools:
    @staticmethod
    def _impl(x): return x
    run = _impl
    also = staticmethod(lambda x: helper(x))
    def inst(self): return self._impl(1)
    alias = inst

def helper(x): return x

Tools.also(1)
t = Tools()
t.alias()
t.inst()
Tools._impl(2)
