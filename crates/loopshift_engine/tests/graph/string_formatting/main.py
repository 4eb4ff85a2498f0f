class Money:
    def __str__(self):
        return self.fmt()

    def fmt(self):
        return "$"

class Tag:
    def __repr__(self):
        return "tag"

class Fmt:
    def __format__(self, spec):
        return "f"

m = Money()
t = Tag()
print(m)
f"{t}"
f"{Fmt():>10}"
"%s" % m
"{} {}".format(m, t)
str(m) + "x"
repr(t)
format(Fmt(), "x")
def show(x):
    return f"{x!r} {x}"
show(t)
