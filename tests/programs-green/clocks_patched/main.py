# moves: fully
from gevent import monkey
monkey.patch_all()

import threading
import time

from retry import Retrying, patient

log = []


class Link:
    def __init__(self, failures):
        self.failures = failures

    @patient(times=4)
    def send(self, text):
        time.sleep(0.01)
        if self.failures:
            self.failures -= 1
            raise ConnectionError(text)
        log.append(text)
        return len(text)


def main():
    links = [threading.Thread(target=Link(n).send, args=("m%d" % n,)) for n in range(3)]
    for link in links:
        link.start()
    for link in links:
        link.join()
    print(log)
    retrying = Retrying(limit=2)
    print(retrying.call(Link(1).send, "again"), retrying.pauses)


if __name__ == "__main__":
    main()
