from functools import partial
import functools as ft

def power(base, exp, then=None):
    if then:
        then()
    return base ** exp

def done():
    pass

def apply(f, *args):
    return f(*args)

square = partial(power, exp=2)
square(3)
cube = ft.partial(power, exp=3, then=done)
cube(2)
apply(square, 4)
apply(partial(apply, done))

class Button:
    def __init__(self, cb):
        self.cb = cb

    def click(self):
        self.cb()

    def bind(self, n):
        return partial(self.click_n, n)

    def click_n(self, n):
        for _ in range(n):
            self.click()

b = Button(done)
b.bind(2)()
