class Cart:
    def __init__(self):
        self.items = []
    def add(self, item):
        self.items.append(item)
    def __len__(self):
        return len(self.items)
    def __iter__(self):
        return iter(self.items)

def total(cart):
    return sum(item.price() for item in cart)
