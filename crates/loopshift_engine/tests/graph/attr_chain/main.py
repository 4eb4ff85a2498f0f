class Engine:
    def __init__(self):
        self.pump = Pump()

    def start(self):
        self.pump.valve.turn()

class Pump:
    def __init__(self):
        self.valve = Valve(self)

    def flow(self):
        pass

class Valve:
    def __init__(self, pump):
        self.pump = pump

    def turn(self):
        self.pump.flow()

class Car:
    engine = None

    def __init__(self):
        self.engine = Engine()

car = Car()
car.engine.start()
car.engine.pump.valve.turn()
e = car.engine
e.pump.flow()
