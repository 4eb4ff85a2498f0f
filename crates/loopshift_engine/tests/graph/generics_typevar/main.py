from typing import TypeVar, Generic, Callable

T = TypeVar("T")
U = TypeVar("U", bound="Entity")

class Entity:
    def ident(self):
        return 1

class User(Entity):
    def name(self):
        return "u"

class Box(Generic[T]):
    def __init__(self, item: T):
        self.item = item

    def get(self) -> T:
        return self.item

    def map(self, f: Callable[[T], U]) -> "Box[U]":
        return Box(f(self.item))

def first(items: list[T]) -> T:
    return items[0]

def to_entity(u):
    return Entity()

box = Box(User())
box.get().name()
box.map(to_entity).get().ident()
first([User()]).name()
