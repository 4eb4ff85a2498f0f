def with_hello(cls):
    def hello(self):
        return self.name()

    cls.hello = hello
    return cls


@with_hello
class Person:
    def name(self):
        return "p"


class Child(Person):
    def name(self):
        return "c"


Child().hello()
