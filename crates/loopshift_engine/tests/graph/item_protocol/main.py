class Grid:
    def __init__(self):
        self.cells = {}

    def __getitem__(self, key):
        return self.cells.get(key) or self.__missing__(key)

    def __missing__(self, key):
        return Cell()

    def __setitem__(self, key, value):
        self.validate(value)
        self.cells[key] = value

    def __delitem__(self, key):
        del self.cells[key]

    def validate(self, v):
        pass

class Cell:
    def paint(self):
        return self

g = Grid()
g["a"] = Cell()
g["a"].paint()
g["zz"].paint().paint()
del g["a"]
g["n"] = g["m"]
