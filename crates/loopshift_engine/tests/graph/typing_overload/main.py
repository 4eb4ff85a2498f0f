from typing import overload, cast, final, Any

@overload
def conv(x: int) -> int: ...
@overload
def conv(x: str) -> str: ...
def conv(x):
    return helper(x)

def helper(x):
    return x

class Thing:
    @final
    def act(self): return 1

def use(o: Any):
    t = cast(Thing, o)
    return t.act()

conv(1)
use(Thing())
