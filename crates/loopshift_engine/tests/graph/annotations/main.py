from __future__ import annotations
from typing import Optional, Union, List, Dict, TYPE_CHECKING, Iterable

if TYPE_CHECKING:
    from engines import Rare

class Motor:
    def start(self):
        return True

class Wheel:
    def turn(self):
        return True

class Wing:
    def flap(self):
        return True

def drive(motor: Motor, wheels: List[Wheel], wing: Optional[Wing] = None):
    motor.start()
    for wheel in wheels:
        wheel.turn()
    if wing:
        wing.flap()

def both(x: Union[Motor, "Wing"], table: Dict[str, Wheel], rare: "Rare", more: Iterable["Wheel"]):
    if isinstance(x, Motor):
        x.start()
    else:
        x.flap()
    for w in table.values():
        w.turn()
    rare.shine()
    table["a"].turn()
    [w.turn() for w in more]
