class Client:
    def connect(self):
        return Session(self)

class Session:
    def __init__(self, client):
        self.client = client

    def query(self):
        return Result()

class Result:
    def rows(self):
        return [Row()]

class Row:
    def value(self):
        return 1

def make_client():
    client = Client()
    return client

def cached(cache={}):
    if "c" not in cache:
        cache["c"] = make_client()
    return cache["c"]

session = make_client().connect()
for row in session.query().rows():
    row.value()
cached().connect().client.connect()
