# moves: fully
import gevent
from base import Daemon
from services import Ticker, Counter


def main():
    services = [Ticker("tick", 3), Counter("count", 2)]
    daemon = Daemon(services)
    daemon.start()
    gevent.sleep(0.2)
    print(daemon.status())
    daemon.stop()
    print(daemon.status())
    for service in services:
        print(service.name, service.log)


if __name__ == "__main__":
    main()
