import lib

lib.computed()
lib.plain()
