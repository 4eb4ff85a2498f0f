def logged(cls):
    class Logged(cls):
        def run(self):
            note()
            return super().run()

    return Logged


def note():
    pass


class Job:
    def __init__(self, number):
        self.number = number

    def run(self):
        return self.step()

    def step(self):
        pass


def derive(base=Job):
    class Derived(base):
        def extra(self):
            return self.step()

    return Derived


job = logged(Job)(1)
job.run()
job.step()
derive()(2).extra()
