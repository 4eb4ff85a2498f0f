from dataclasses import dataclass, field
import dataclasses

def make_id():
    return 1

class Engine:
    def start(self):
        pass

class Wheel:
    def spin(self):
        pass

@dataclass
class Car:
    engine: Engine
    wheels: list[Wheel] = field(default_factory=list)
    ident: int = field(default_factory=make_id)

    def __post_init__(self):
        self.prepare()

    def prepare(self):
        pass

    def drive(self):
        self.engine.start()
        for wheel in self.wheels:
            wheel.spin()

@dataclasses.dataclass
class Truck(Car):
    load: int = 0

    def haul(self):
        self.drive()

Car(Engine(), [Wheel()]).drive()
