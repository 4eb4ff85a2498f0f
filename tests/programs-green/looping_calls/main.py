# moves: fully
"""Calls at an interval, until one says that it is done."""

import loopingcall


class Poller:
    def __init__(self, limit):
        self.limit = limit
        self.count = 0

    def poll(self, label):
        self.count += 1
        print(label, self.count)
        if self.count >= self.limit:
            raise loopingcall.LoopingCallDone(retvalue=self.count)

    def fail(self):
        raise RuntimeError("poll failed")


def main():
    poller = Poller(3)
    timer = loopingcall.FixedIntervalLoopingCall(poller.poll, "polled")
    print("result", timer.start(interval=0.05, initial_delay=0.02).wait())
    failing = loopingcall.FixedIntervalLoopingCall(poller.fail)
    failing.start(interval=0.05)
    try:
        failing.wait()
    except RuntimeError as error:
        print("error", error)


if __name__ == "__main__":
    main()
