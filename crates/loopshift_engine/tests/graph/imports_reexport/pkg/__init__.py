from .api import *
from .core import start
from . import core
from .version import get as VERSION
