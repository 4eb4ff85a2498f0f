class Item:
    def title(self):
        return "t"

class Repo:
    def get(self) -> Item:
        return make()

def make():
    return Item()
