import shop
from shop import Cart, checkout
from shop.items import *

cart = Cart()
cart.add(Apple())
checkout(cart)
shop.total(cart)
