def prepare(): pass

class Base:
    kinds = {}
    def __init_subclass__(cls, /, kind=None, **kw):
        super().__init_subclass__(**kw)
        if kind:
            Base.kinds[kind] = cls
            cls.setup()

    @classmethod
    def setup(cls):
        pass

    @classmethod
    def create(cls, kind):
        return cls.kinds[kind]()

class A(Base, kind="a"):
    def run(self): pass

class B(Base, kind="b"):
    @classmethod
    def setup(cls):
        prepare()
    def run(self): pass

def unused(): pass

Base.create("a").run()
