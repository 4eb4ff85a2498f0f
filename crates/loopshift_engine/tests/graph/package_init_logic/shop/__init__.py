from shop.cart import Cart
from .cart import total
try:
    from .fast import checkout
except ImportError:
    from .slow import checkout
