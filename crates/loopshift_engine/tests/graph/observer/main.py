class Subject:
    def __init__(self):
        self._observers = []

    def attach(self, obs):
        self._observers.append(obs)

    def notify(self, event):
        for obs in self._observers:
            obs.update(self, event)

class Logger:
    def update(self, subject, event):
        self.write(event)

    def write(self, e):
        pass

class Counter:
    def __init__(self):
        self.n = 0

    def update(self, subject, event):
        self.n += 1
        if self.n > 1:
            subject.close()

class Door(Subject):
    def open(self):
        self.notify("open")

    def close(self):
        pass

d = Door()
d.attach(Logger())
d.attach(Counter())
d.open()
d.open()
