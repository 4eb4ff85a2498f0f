from shapes import *
from hidden import *

def total():
    return area(2) + scale(3)

total()
try:
    _secret()
except NameError:
    pass
visible()
