class Conn:
    def send(self):
        pass

class Log:
    def info(self):
        pass

class Service:
    def __init__(self):
        self.conn = None
        self.setup()

    def setup(self):
        self.conn = Conn()
        self.log, self.hook = Log(), callback

    def work(self):
        self.conn.send()
        self.log.info()
        self.hook()

class Special(Service):
    def setup(self):
        super().setup()
        self.extra = Log()

    def work(self):
        super().work()
        self.extra.info()

def callback():
    pass

s = Special()
s.work()
s.conn.send()
