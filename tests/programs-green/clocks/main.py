# moves: fully
import gevent
from gevent.event import Event


class Poller:
    """Asks until the answer is there; the clock can be another one in tests."""

    def __init__(self, ask, interval=0.01, sleep=gevent.sleep, spawn=gevent.spawn):
        self._ask = ask
        self._interval = interval
        self._sleep = sleep
        self._spawn = spawn
        self._greenlet = None
        self.answers = []

    def start(self):
        self._greenlet = self._spawn(self._run)

    def _run(self):
        while True:
            answer = self._ask()
            if answer is not None:
                self.answers.append(answer)
                if len(self.answers) == 3:
                    return
            self._sleep(self._interval)

    def wait(self):
        self._greenlet.join()
        return self.answers


def counter():
    n = [0]

    def ask():
        n[0] += 1
        gevent.sleep(0)
        return n[0] if n[0] % 2 else None

    return ask


poller = Poller(counter())
poller.start()
print(poller.wait())
