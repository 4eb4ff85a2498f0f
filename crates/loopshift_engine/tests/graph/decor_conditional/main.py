DEBUG = True

if DEBUG:
    def guard(fn):
        def checked(*a):
            verify()
            return fn(*a)
        return checked
else:
    def guard(fn):
        return fn

def verify():
    pass

@guard
def act(x):
    return x

act(1)
