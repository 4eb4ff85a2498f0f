class Registry:
    items = []

    @classmethod
    def create(cls, name):
        obj = cls()
        cls.track(obj)
        obj.setup(name)
        return obj

    @classmethod
    def track(cls, obj):
        cls.items.append(obj)

    @staticmethod
    def validate(name):
        return clean(name)

    def setup(self, name):
        self.validate(name)
        Registry.validate(name)

class Special(Registry):
    def __init__(self):
        self.ready = True

    def setup(self, name):
        super().setup(name)
        self.finish()

    def finish(self):
        pass

def clean(name):
    return name.strip()

Registry.create("a")
Special.create("b").finish()
make = Special.create
make("c")
