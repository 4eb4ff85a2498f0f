import names.more
from lib import work
from star import *

work()
names.more.tell()
shine()
