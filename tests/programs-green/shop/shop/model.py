import gevent


class Order:
    def __init__(self, name, count):
        self.name = name
        self.count = count


class Shop:
    pace = 0.2

    def __init__(self, name):
        self.name = name
        self.sold = {}

    def deliver(self, order):
        gevent.sleep(self.pace)
        return f"{order.count} {order.name}"

    def sell(self, order):
        text = self.deliver(order)
        self.sold[order.name] = order.count
        print(self.name, "delivered", text)
        return order.count

    def sell_all(self, orders):
        total = 0
        for order in orders:
            total += self.sell(order)
        return total


class Express(Shop):
    pace = 0.05

    def deliver(self, order):
        return super().deliver(order).upper() + "!"
