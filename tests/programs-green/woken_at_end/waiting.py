import eventlet


class Waiter:
    def __init__(self, event):
        self.event = event

    def start(self):
        eventlet.spawn(self.wait)

    def wait(self):
        print("waiting")
        print("opened", self.event.wait())
