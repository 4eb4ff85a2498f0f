import gevent


class Watched:
    def __init__(self, log, slow=False):
        self.log = log
        self.slow = slow
        self.job = gevent.spawn(self.run)
        self.job.rawlink(self.ended)

    def run(self):
        try:
            gevent.sleep(5)
        finally:
            if self.slow:
                gevent.sleep(0.01)

    def ended(self, job):
        self.log.append("linked")
