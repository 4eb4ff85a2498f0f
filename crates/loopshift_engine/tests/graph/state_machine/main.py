class State:
    def __init__(self, machine):
        self.machine = machine
    def next(self):
        raise NotImplementedError

class Idle(State):
    def next(self):
        self.machine.switch(Running(self.machine))

class Running(State):
    def next(self):
        self.machine.log("done")
        self.machine.switch(Idle(self.machine))

class Machine:
    def __init__(self):
        self.state = Idle(self)

    def switch(self, state):
        self.state = state

    def log(self, m):
        pass

    def tick(self):
        self.state.next()

m = Machine()
m.tick()
m.tick()
