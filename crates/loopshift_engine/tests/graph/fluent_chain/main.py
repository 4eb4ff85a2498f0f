class Query:
    def __init__(self):
        self.parts = []

    def where(self, cond):
        self.parts.append(cond)
        return self

    def order(self, key):
        self._check()
        return self

    def _check(self):
        pass

    def all(self):
        return [Record() for _ in self.parts]

class Record:
    def show(self):
        return "r"

class SubQuery(Query):
    def limit(self, n):
        return self

q = Query().where(1).order("a").where(2)
for r in q.all():
    r.show()
SubQuery().where(1).limit(3).order("b").limit(1)
