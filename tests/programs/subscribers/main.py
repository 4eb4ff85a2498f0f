# moves: fully
import asyncio

from bus import EventBus

bus = EventBus()
seen = []


@bus.on("order")
async def bill(payload):
    await asyncio.sleep(0.002)
    seen.append(("bill", payload))


@bus.on("order")
async def ship(payload):
    await asyncio.sleep(0.001)
    seen.append(("ship", payload))


async def main():
    await bus.publish("order", 1)
    bus.emit("order", 2)
    await bus.drain()
    print(sorted(seen))


if __name__ == "__main__":
    asyncio.run(main())
