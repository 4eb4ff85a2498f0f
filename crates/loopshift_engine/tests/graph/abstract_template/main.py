import abc

class Job(metaclass=abc.ABCMeta):
    def run(self):
        self.before()
        try:
            return self.perform()
        finally:
            self.after()

    def before(self): pass
    def after(self): pass

    @abc.abstractmethod
    def perform(self):
        raise NotImplementedError()

class Mail(Job):
    def perform(self):
        return self.send()
    def send(self):
        return 1

class Report(Job):
    def perform(self):
        return 2
    def before(self):
        super().before()
        prepare()

def prepare(): pass

def work(jobs):
    return [j.run() for j in jobs]

work([Mail(), Report()])
