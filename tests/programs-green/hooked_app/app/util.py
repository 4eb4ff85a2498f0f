import importlib

def import_string(path):
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)

class Registry:
    def __init__(self):
        self._items = []
    def add(self, item):
        self._items.append(item)
    def __iter__(self):
        return iter(self._items)
