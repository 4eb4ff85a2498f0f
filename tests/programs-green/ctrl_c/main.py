# moves: fully, to asyncio
import os
import signal

import gevent


class Server:
    def __init__(self):
        self.running = True
        self.ticks = 0

    def serve_forever(self):
        while self.running:
            gevent.sleep(0.01)
            self.ticks += 1

    def close(self):
        self.running = False
        print("closed")


def interrupt(delay):
    gevent.sleep(delay)
    os.kill(os.getpid(), signal.SIGINT)


def main():
    server = Server()
    gevent.spawn(interrupt, 0.05)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("interrupted")
    finally:
        server.close()


if __name__ == "__main__":
    main()
    print("after")
