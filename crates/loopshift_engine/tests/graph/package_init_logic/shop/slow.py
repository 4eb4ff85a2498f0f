from .cart import total
def checkout(cart):
    if len(cart):
        return total(cart)
