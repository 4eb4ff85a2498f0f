# moves: fully
import gevent


class Connection:
    def __init__(self, host, retries=2):
        self.host = host
        self.retries = retries
        self.connect()

    def connect(self):
        gevent.sleep(0.001)
        print("connected", self.host)

    def ask(self, text):
        gevent.sleep(0.001)
        return f"{self.host}: {text}"


class Secure(Connection):
    def __init__(self, host):
        super().__init__(host, retries=5)
        self.secure = True


class Plain(Connection):
    pass


KINDS = {"secure": Secure, "plain": Plain}


def connect(kind, host):
    return KINDS[kind](host)


def main():
    print(Connection("a").ask("x"))
    for kind in ("secure", "plain"):
        link = connect(kind, kind[0])
        print(link.ask("y"), link.retries, isinstance(link, Connection))
    links = [Connection(name) for name in "pq"]
    print([link.host for link in links])


if __name__ == "__main__":
    main()
