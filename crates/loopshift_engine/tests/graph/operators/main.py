class Vec:
    def __init__(self, x):
        self.x = x

    def __add__(self, other):
        return Vec(self.x + other.x)

    def __radd__(self, other):
        return self

    def __mul__(self, k):
        return Vec(self.x * k)

    def __rmul__(self, k):
        return self.__mul__(k)

    def __neg__(self):
        return Vec(-self.x)

    def __eq__(self, other):
        return self.x == other.x

    def __lt__(self, other):
        return self.x < other.x

    def __bool__(self):
        return self.x != 0

    def __iadd__(self, other):
        self.x += other.x
        return self

    def __matmul__(self, other):
        return 1

    def __repr__(self):
        return f"Vec({self.x})"

    def __hash__(self):
        return 1

    def norm(self):
        return self

a = Vec(1)
b = Vec(2)
(a + b).norm()
(3 * a).norm()
sum([a, b])
c = -a
a == b
a < b
a < b < c
if a:
    pass
not b
a += b
a @ b
print(f"{a!r}")
repr(a)
str(b)
{a: 1}
sorted([a, b])
a != b
