class Animal:
    def __init__(self, name):
        self.name = name

    def speak(self):
        return self.sound()

    def sound(self):
        return "..."

class Dog(Animal):
    def sound(self):
        return "woof"

class Puppy(Dog):
    def __init__(self, name):
        super().__init__(name)
        self.toys = []

    def speak(self):
        base = super().speak()
        return base.upper()

class Cat(Animal):
    sound = lambda self: "meow"

def chorus(animals):
    for animal in animals:
        animal.speak()

chorus([Dog("d"), Puppy("p"), Cat("c")])
