class Cat:
    def meow(self):
        return "m"

class Dog:
    def bark(self):
        return "w"

def handle(pet):
    if isinstance(pet, Cat):
        return pet.meow()
    elif isinstance(pet, (Dog,)):
        return pet.bark()

def handle_any(value):
    assert isinstance(value, Dog)
    value.bark()
    match value:
        case Dog() as d:
            d.bark()

handle(Cat())
handle(Dog())
handle_any(Dog())
