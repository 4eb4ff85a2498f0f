import b

def ping(n):
    if n > 0:
        b.pong(n - 1)

class Base:
    def hello(self):
        return self.name()

    def name(self):
        return "base"
