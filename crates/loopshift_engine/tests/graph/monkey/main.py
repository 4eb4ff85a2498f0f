class Widget:
    def draw(self):
        return "draw"

    def area(self):
        return 1

def fancy(self):
    return self.area()

def hello():
    return "hi"

Widget.paint = fancy
w = Widget()
w.paint()
w.greet = hello
w.greet()

class Registry:
    pass

Registry.handler = staticmethod(hello)
Registry.handler()
setattr(Widget, "size", fancy)
w.size()

import types
w.bound = types.MethodType(fancy, w)
w.bound()
