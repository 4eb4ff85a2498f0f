class X:
    def x(self): pass
class Y:
    def y(self): pass

def multi(n):
    if n:
        return X()
    return Y()

def tup():
    return X(), Y()

def nested():
    def inner():
        return X()
    return inner

def early(v):
    if v is None:
        return None
    return v

multi(1).x()
multi(0).y()
x, y = tup()
x.x()
y.y()
nested()().x()
early(Y()).y()
tup()[0].x()
{"r": tup}["r"]()[1].y()
