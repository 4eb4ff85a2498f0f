import a

def pong(n):
    from a import ping
    ping(n)
    make().hello()

def make():
    class Child(a.Base):
        def name(self):
            return "child"
    return Child()
