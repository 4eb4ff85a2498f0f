class Backend:
    def read(self): return 1
    def write(self, x): return x

class Front:
    def __init__(self, backend=None):
        self._backend = backend or Backend()
        self.read = self._backend.read

    def write(self, x):
        return self._backend.write(x)

    @property
    def backend(self):
        return self._backend

f = Front()
f.read()
f.write(1)
f.backend.write(2)
Front(Backend()).backend.read()
