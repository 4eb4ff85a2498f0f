from abc import ABC, abstractmethod


class Store(ABC):
    @abstractmethod
    def put(self, key): ...

    @property
    @abstractmethod
    def size(self): ...

    def put_all(self, keys):
        for key in keys:
            self.put(key)


class Memory(Store):
    def put(self, key):
        pass


class Disk(Store):
    @property
    def size(self):
        return flush()

    def put(self, key):
        flush()


class Fast(Disk):
    pass


class Alone(ABC):
    @abstractmethod
    def go(self): ...


def flush():
    pass


def use(store: Store, alone: Alone):
    store.put_all([1])
    store.put(2)
    print(store.size)
    alone.go()
