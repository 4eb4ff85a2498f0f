class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return CountIter(self.n)

    def __len__(self):
        return self.n

    def __contains__(self, x):
        return True

class CountIter:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if self.n <= 0:
            raise StopIteration
        self.n -= 1
        return Tick()

class Tick:
    def beep(self):
        pass

class Tree:
    def __init__(self):
        self.kids = [Tick()]

    def __iter__(self):
        for kid in self.kids:
            yield kid

class Seq:
    def __getitem__(self, i):
        if i > 2:
            raise IndexError
        return Tick()

for t in Countdown(2):
    t.beep()
list(Countdown(1))
len(Countdown(3))
1 in Countdown(3)
[x.beep() for x in Tree()]
a, b = Countdown(2)
a.beep()
for s in Seq():
    s.beep()
it = iter(Countdown(1))
next(it).beep()
