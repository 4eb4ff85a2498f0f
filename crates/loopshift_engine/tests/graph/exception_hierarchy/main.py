class Base(Exception):
    code = 1
    def log(self):
        return self.text()
    def text(self):
        return "b"

class Child(Base):
    def text(self):
        return "c"

class Plain(ValueError):
    pass

def risky(n):
    if n == 1:
        raise Child
    if n == 2:
        raise Child("x") from Plain("y")
    raise Plain()

for i in (1, 2, 3):
    try:
        risky(i)
    except Base as e:
        e.log()
    except ValueError as v:
        str(v)
