import gevent


class Money:
    def __init__(self, amount):
        self.amount = amount

    def __add__(self, other):
        gevent.sleep(0.05)
        return Money(self.amount + other.amount)

    def __mul__(self, factor):
        gevent.sleep(0.05)
        return Money(self.amount * factor)

    def __neg__(self):
        gevent.sleep(0.05)
        return Money(-self.amount)

    def __repr__(self):
        return f"Money({self.amount})"

    def __eq__(self, other):
        return self.amount == other.amount
