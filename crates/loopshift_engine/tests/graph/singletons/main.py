class Singleton:
    __instance = None

    def __new__(cls, *args, **kwargs):
        if cls.__instance is None:
            cls.__instance = super().__new__(cls, *args, **kwargs)
        return cls.__instance


class User:
    def leave(self):
        pass


class Message:
    def fade(self):
        pass


class Users(Singleton):
    def __init__(self):
        self.data = {}

    def add(self, item):
        self.data[item] = item

    def clear(self):
        for item in self.data.values():
            item.leave()


class Messages(Singleton):
    def __init__(self):
        self.data = []

    def add(self, item):
        self.data.append(item)

    def clear(self):
        for item in self.data:
            item.fade()


class Shape:
    def __new__(cls, kind):
        return super().__new__(Square if kind == 4 else Circle)


class Square(Shape):
    def draw(self):
        pass


class Circle(Shape):
    def draw(self):
        pass


users, messages = Users(), Messages()
users.add(User())
messages.add(Message())
users.clear()
messages.clear()
Shape(4).draw()
Shape(0).draw()
