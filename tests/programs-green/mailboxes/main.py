# moves: fully
"""Objects with a mailbox each: a mark of its own ends one, and the names of messages say which method takes them."""

import gevent

from mail import Keeper, System, ask, tell


class Bank(Keeper):
    def begun(self):
        self.balances = {}

    def on_deposit(self, name, amount):
        self.balances[name] = self.balances.get(name, 0) + amount
        return self.balances[name]

    def on_rest(self, seconds):
        gevent.sleep(seconds)
        return "rested"

    def on_move(self, source, target, amount):
        if self.balances.get(source, 0) < amount:
            raise ValueError("%s is short" % source)
        self.balances[source] -= amount
        return self.on_deposit(target, amount)


class Log(Keeper):
    def begun(self):
        self.entries = []

    def on_entry(self, text):
        self.entries.append(text)

    def on_all(self):
        return list(self.entries)


def main():
    with System() as system:
        bank = system.start(Bank)
        log = system.start(Log)
        print(ask(bank, "deposit", "ann", 10))
        tell(log, "entry", "ann +10")
        print(ask(bank, "move", "ann", "bob", 4))
        try:
            ask(bank, "move", "ann", "bob", 40)
        except ValueError as error:
            print("error:", error)
        tell(log, "entry", "ann -4")
        print(ask(log, "all"))
        try:
            ask(bank, "rest", 0.2, timeout=0.02)
        except gevent.Timeout:
            print("it takes too long")
        print(ask(bank, "rest", 0))
        print("open", system.count())
    print("open", system.count())


if __name__ == "__main__":
    main()
