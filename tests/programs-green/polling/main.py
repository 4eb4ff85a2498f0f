# moves: fully
import gevent


class Poller:
    def __init__(self):
        self.greenlet = None
        self.ticks = 0

    def start(self):
        if self.greenlet:
            print("already running")
            return
        self.greenlet = gevent.spawn(self._poll)

    def _poll(self):
        while self.ticks < 3:
            self.ticks += 1
            gevent.sleep(0.01)

    def alive(self):
        return bool(self.greenlet)

    def wait(self):
        if self.greenlet and not self.greenlet.dead:
            self.greenlet.join()


def main():
    poller = Poller()
    poller.start()
    poller.start()
    print(poller.ticks, poller.alive())
    poller.wait()
    print(poller.ticks, poller.alive())
    poller.start()
    g = poller.greenlet
    print(g.ready(), g.successful(), g.value, g.exception, g.started)
    poller.wait()
    gs = [gevent.spawn(gevent.sleep, 0.05 * n) for n in range(1, 4)]
    while any(gs):
        print("waiting for", len([g for g in gs if g]))
        gevent.sleep(0.0505)
    print("all done" if not g else "running")


if __name__ == "__main__":
    main()
