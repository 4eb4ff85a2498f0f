class Meta(type):
    registry = {}

    def __new__(mcs, name, bases, ns):
        cls = super().__new__(mcs, name, bases, ns)
        mcs.note(name, cls)
        return cls

    def __init__(cls, name, bases, ns):
        super().__init__(name, bases, ns)

    @classmethod
    def note(mcs, name, cls):
        mcs.registry[name] = cls

    def __call__(cls, *args, **kwargs):
        obj = super().__call__(*args, **kwargs)
        cls.created(obj)
        return obj

    def created(cls, obj):
        pass

class Base(metaclass=Meta):
    def __init__(self, n):
        self.n = n

    def go(self):
        return self.n

class Child(Base):
    def go(self):
        return super().go()

Base(1).go()
Child(2).go()
