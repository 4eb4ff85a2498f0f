# moves: fully
import asyncio


class Sensor:
    def __init__(self, fresh: asyncio.Event, name: str):
        self.fresh = fresh
        self.name = name

    async def run(self, values):
        for value in values:
            await asyncio.sleep(0.01)
            print(self.name, "measures", value)
            self.fresh.set()


async def watch(fresh: "asyncio.Event", rounds):
    for _ in range(rounds):
        told = await fresh.wait()
        print("told", told, fresh.is_set())
        fresh.clear()


async def late(gates, stop):
    # a gate that is open lets everybody through at once
    for name, gate in gates.items():
        await gate.wait()
        print("through", name)
        gate.clear()
    stop()


async def main():
    fresh = asyncio.Event()
    sensor = Sensor(fresh, "a")
    await asyncio.gather(sensor.run([1, 2, 3]), watch(fresh, 3))
    gates = {name: asyncio.Event() for name in ("x", "y")}
    done = asyncio.Event()
    for gate in gates.values():
        gate.set()
    await late(gates, done.set)
    await done.wait()
    print([gate.is_set() for gate in gates.values()], done.is_set())
    done.clear()
    try:
        await asyncio.wait_for(done.wait(), 0.05)
    except asyncio.TimeoutError:
        print("closed")


asyncio.run(main())
