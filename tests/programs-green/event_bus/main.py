# moves: fully
from bus import EventBus
import services


def main():
    bus = EventBus()
    shop = services.Shop(bus)
    services.Stock(bus, {"pen": 2, "ink": 0})
    audit = services.Audit(bus)
    for item in ("pen", "ink", "pen", "pen"):
        shop.order(item)
    bus.drain()
    print(shop.results)
    print(audit.lines)
    print(bus.failures)


if __name__ == "__main__":
    main()
