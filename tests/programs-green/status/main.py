# moves: fully
import gevent


class Base:
    def __init__(self, name):
        self.name = name

    @property
    def label(self):
        return f"[{self.name}]"

    @property
    def status(self):
        """Ask, which takes a while."""
        gevent.sleep(0.001)
        return f"{self.name} is up"


class Special(Base):
    @property
    def status(self):
        return "special " + self.name


class Client:
    def __init__(self):
        self.base = Base("b")

    @property
    def remote(self):
        gevent.sleep(0)
        return self.base

    def show(self):
        return self.remote.status.upper()


def main():
    print(Base("x").status, Special("y").status, Base("z").label)
    print(Client().show())
    print([item.status for item in (Base("1"), Special("2"))])
    print(f"{Base('f').status!r}")


if __name__ == "__main__":
    main()
