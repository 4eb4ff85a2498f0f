class Single:
    _instance = None

    def __new__(cls, *args):
        if cls._instance is None:
            cls._instance = super().__new__(cls)
            cls._instance.boot()
        return cls._instance

    def __init__(self, name="x"):
        self.name = name

    def boot(self):
        pass

    def ping(self):
        return self.name

a = Single("a")
b = Single()
a.ping()
b.ping()
