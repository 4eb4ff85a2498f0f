# moves: fully
# An event that a factory makes for each object of a data class, and that is cleared again.
import asyncio
from dataclasses import dataclass, field


@dataclass
class Gate:
    name: str
    open: asyncio.Event = field(default_factory=asyncio.Event)
    passed: list[int] = field(default_factory=list)

    async def walk(self):
        for number in range(3):
            await self.open.wait()
            self.passed.append(number)
            await asyncio.sleep(0.02)

    async def work(self):
        for _ in range(3):
            self.open.set()
            await asyncio.sleep(0.01)
            self.open.clear()
            await asyncio.sleep(0.05)


async def main():
    gates = [Gate("north"), Gate("south")]
    for gate in gates:
        walker = asyncio.create_task(gate.walk())
        await gate.work()
        await walker
        print(gate.name, gate.passed, gate.open.is_set())


asyncio.run(main())
