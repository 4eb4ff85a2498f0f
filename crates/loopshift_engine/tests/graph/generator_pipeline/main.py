def read(lines):
    for line in lines:
        yield clean(line)

def clean(line):
    return line.strip()

def number(items):
    for i, item in enumerate(items):
        yield Row(i, item)

class Row:
    def __init__(self, i, text):
        self.i = i
        self.text = text

    def show(self):
        return self.text.upper()

def sink(rows, out):
    for row in rows:
        out(row.show())

result = []
sink(number(read(["a ", "b "])), result.append)
gen = (r for r in number(read(["c"])))
next(gen).show()
first = next(iter(number(read(["d"]))), None)
first.show()
