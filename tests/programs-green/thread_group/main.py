# moves: fully
"""An agent whose threads and timers belong to a group."""

import logging
import sys

import eventlet

import threadgroup

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")


class Agent:
    def __init__(self):
        self.tg = threadgroup.ThreadGroup(thread_pool_size=3)
        self.reports = 0
        self.handled = []

    def report_state(self):
        self.reports += 1

    def handle(self, message):
        eventlet.sleep(0.05)
        self.handled.append(message)

    def forever(self):
        try:
            while True:
                eventlet.sleep(1)
        finally:
            print("forever stopped")

    def start(self):
        self.tg.add_timer(0.1, self.report_state)
        self.tg.add_thread(self.forever)
        for message in ("a", "b", "c"):
            self.tg.add_thread(self.handle, message)

    def stop(self):
        self.tg.stop()
        self.tg.wait()


def main():
    agent = Agent()
    agent.start()
    eventlet.sleep(0.7)
    print(agent.handled, agent.reports > 2, len(agent.tg.threads))
    agent.stop()
    print("left", agent.tg.threads, agent.tg.timers)


if __name__ == "__main__":
    main()
