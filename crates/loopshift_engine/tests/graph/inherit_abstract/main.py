from abc import ABC, abstractmethod

class Store(ABC):
    @abstractmethod
    def get(self, key): ...

    def fetch(self, key):
        value = self.get(key)
        if value is None:
            return self.default()
        return value

    def default(self):
        return 0

class Memory(Store):
    def __init__(self):
        self.data = {}

    def get(self, key):
        return self.data.get(key)

class Counting(Memory):
    def get(self, key):
        self.count()
        return super().get(key)

    def count(self):
        pass

def use(store: Store):
    return store.fetch("k")

use(Memory())
use(Counting())
