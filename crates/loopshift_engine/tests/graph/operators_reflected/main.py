class Money:
    def __init__(self, n):
        self.n = n

    def __add__(self, other):
        if isinstance(other, Money):
            return Money(self.n + other.n)
        return Money(self.n + other)

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return Money(self.n - other.value())

    def __lt__(self, other):
        return self.n < other.n

    def __getitem__(self, i):
        return Coin(i)

    def __contains__(self, c):
        return True

    def __len__(self):
        return 2

    def __abs__(self):
        return self

    def __int__(self):
        return 1

class Coin:
    def __init__(self, n):
        self.n = n

    def value(self):
        return self.n

m = Money(1) + Money(2)
total = sum([m, Money(3)])
d = m - Coin(1)
m[0].value()
m[0:1].value()
1 in m
len(m)
abs(m)
int(m)
5 + m
m += 1
min([m, d])
