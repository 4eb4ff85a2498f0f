import gevent

from bus import subscribe


class Shop:
    def __init__(self, bus):
        self.bus = bus
        self.results = {}
        self.count = 0
        bus.register(self)

    def order(self, item):
        self.count += 1
        self.bus.publish("ordered", number=self.count, item=item)

    @subscribe("reserved")
    def reserved(self, number, item):
        self.results[number] = f"{item} sent"

    @subscribe("refused")
    def refused(self, number, item, reason):
        self.results[number] = f"{item}: {reason}"


class Stock:
    def __init__(self, bus, amounts):
        self.bus = bus
        self.amounts = amounts
        bus.register(self)

    @subscribe("ordered")
    def ordered(self, number, item):
        gevent.sleep(0.01 * number)
        left = self.amounts[item]
        if not left:
            self.bus.publish("refused", number=number, item=item, reason="sold out")
            raise LookupError(item)
        self.amounts[item] = left - 1
        self.bus.publish("reserved", number=number, item=item)


class Audit:
    def __init__(self, bus):
        self.lines = []
        bus.register(self)

    @subscribe("ordered")
    def ordered(self, number, item):
        self.lines.append(f"ordered {number} {item}")

    @subscribe("reserved")
    def reserved(self, number, item):
        self.lines.append(f"reserved {number} {item}")
