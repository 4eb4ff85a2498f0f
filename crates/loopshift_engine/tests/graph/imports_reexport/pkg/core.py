class Engine:
    def __init__(self):
        self.state = None

    def run(self):
        helper()
        return self

    def stop(self):
        return None

def helper():
    pass

def start():
    Engine().run()
