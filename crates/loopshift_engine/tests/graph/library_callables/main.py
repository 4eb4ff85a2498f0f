import copy
import threading
import types
import weakref
from itertools import accumulate, dropwhile, groupby, starmap, takewhile
from operator import attrgetter


class Person:
    @property
    def age(self):
        return 1

    def greet(self):
        pass


def add(a, b):
    return a + b


def positive(number):
    return number > 0


people = [Person()]
sorted(people, key=attrgetter("age"))
list(starmap(add, [(1, 2)]))
list(takewhile(positive, [1]))
list(dropwhile(positive, [1]))
for person in takewhile(lambda person: person.age, people):
    person.greet()

seen = weakref.WeakSet()
seen.add(people[0])
for person in seen:
    person.greet()
weakref.ref(people[0])().greet()

class Page:
    def __copy__(self):
        return Page()

    def __deepcopy__(self, memo):
        return Page()

    def show(self):
        pass


copy.copy(Page()).show()
copy.deepcopy(Page()).show()

local = threading.local()
local.check = positive
local.check(1)
space = types.SimpleNamespace(join=add)
space.join(1, 2)


def by_age(person):
    return person.age


for age, group in groupby(people, key=by_age):
    for person in group:
        person.greet()
for person in accumulate(people, lambda first, second: second):
    person.greet()


def of_annotations(reference: weakref.ref, get: attrgetter):
    reference()
    get(people)
