# moves: fully
"""What belongs to one request."""

import gevent
from gevent.local import local


class Context(local):
    user = "nobody"

    def __init__(self, tags=()):
        self.tags = list(tags)


request = local()
context = Context(["base"])


def current():
    return getattr(request, "id", None)


def handle(number):
    print(number, current(), hasattr(request, "id"), context.tags, context.user)
    request.id = number
    context.tags.append(number)
    context.user = f"user{number}"
    gevent.sleep(0.1 * (3 - number))
    print(number, current(), context.tags, context.user, sorted(request.__dict__))
    del request.id
    print(number, current())


def main():
    request.id = "main"
    gevent.joinall([gevent.spawn(handle, n) for n in range(3)])
    print(current(), context.user, context.tags)


if __name__ == "__main__":
    main()
