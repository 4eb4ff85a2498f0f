class Temp:
    def __init__(self):
        self._c = 0
        self.celsius = 5

    @property
    def celsius(self):
        return self.convert(self._c)

    @celsius.setter
    def celsius(self, value):
        self.check(value)
        self._c = value

    @celsius.deleter
    def celsius(self):
        self._c = None

    def convert(self, x):
        return x

    def check(self, v):
        pass

    @property
    def engine(self):
        return Engine()

    def _get_x(self):
        return Engine()

    def _set_x(self, v):
        pass

    x = property(_get_x, _set_x)

class Engine:
    def run(self):
        pass

t = Temp()
t.celsius = 3
t.celsius += 1
print(t.celsius)
t.engine.run()
t.x.run()
t.x = 2
del t.celsius
