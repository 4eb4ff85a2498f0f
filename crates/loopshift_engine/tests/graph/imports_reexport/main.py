import pkg
from pkg import Engine, start as go
from pkg.api import Engine as E2

e = Engine()
e.run()
go()
pkg.core.helper()
E2().stop()
pkg.VERSION()
