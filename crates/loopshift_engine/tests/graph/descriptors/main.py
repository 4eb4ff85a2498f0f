class Typed:
    def __set_name__(self, owner, name):
        self.name = name
        register(name)

    def __get__(self, obj, objtype=None):
        return self.load(obj)

    def __set__(self, obj, value):
        self.check(value)
        obj.__dict__[self.name] = value

    def load(self, obj):
        return Value()

    def check(self, value):
        pass

class Value:
    def show(self):
        return 1

def register(name):
    pass

class Model:
    field = Typed()
    other = Typed()

    def __init__(self):
        self.field = 3

    def use(self):
        return self.field.show()

m = Model()
m.use()
m.other = 4
m.other.show()
