from ..models import Item
from .. import setup
from . import helpers
from .helpers import render as r

def index():
    setup()
    item = Item("x")
    helpers.log(item)
    return r(item.label())
