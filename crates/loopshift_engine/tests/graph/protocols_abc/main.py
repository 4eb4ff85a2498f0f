from typing import Protocol, runtime_checkable

@runtime_checkable
class Shape(Protocol):
    def area(self) -> float: ...

class Square:
    def area(self):
        return self.side() ** 2

    def side(self):
        return 2

class Circle:
    def area(self):
        return 3

def total(shapes: list[Shape]):
    return sum(s.area() for s in shapes)

def single(shape: Shape):
    return shape.area()

total([Square(), Circle()])
single(Circle())
