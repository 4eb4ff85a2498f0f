handler = None
cache = {}

def set_handler(h):
    global handler
    handler = h

def fire():
    handler()

def one(): pass
def two(): pass

set_handler(one)
fire()

def machine():
    state = one
    def switch():
        nonlocal state
        state = two
    def run():
        state()
    return switch, run

sw, rn = machine()
rn()
sw()
rn()

def early():
    service.ping()

def lazy():
    global service
    service = Service()

class Service:
    def ping(self): pass

lazy()
service.ping()
early()
