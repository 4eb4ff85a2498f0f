# moves: fully
import gevent
from gevent.event import Event

from hub import Hub


class Mailer:
    def __init__(self, hub):
        self.hub = hub

    def send(self, user):
        gevent.sleep(0.01)
        self.hub.log.append(f"mail to {user}")
        return "sent"


def count(user, seen=[]):
    seen.append(user)
    return len(seen)


def main():
    hub = Hub()
    hub.on("joined", count)
    hub.on("joined", Mailer(hub).send)
    hub.on("joined", lambda user: user.upper())
    hub.on("left", count)
    print(hub.emit("joined", "ann"))
    print(hub.emit("left", "bob"), count("eve"))
    print(hub.log)
    ready = Event()
    gevent.spawn_later(0.01, ready.set)
    late = gevent.spawn_later(0.02, hub.emit, "joined", "cy")
    print(ready.wait(2), late.get())


if __name__ == "__main__":
    main()
