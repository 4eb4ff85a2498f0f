from functools import singledispatch, singledispatchmethod


class Square:
    pass


class Circle:
    pass


@singledispatch
def area(shape):
    return 0


@area.register(Square)
def square_area(shape):
    return side(shape)


@area.register
def circle_area(shape: Circle):
    return 3


def side(shape):
    return 1


class Writer:
    @singledispatchmethod
    def write(self, item):
        return self.text(item)

    @write.register
    def write_number(self, item: int):
        return self.number(item)

    def number(self, item):
        pass

    def text(self, item):
        pass


area(3)
area(Square())
area(Circle())
Writer().write(1)
Writer().write("a")
