import asyncio

from .base import Plugin


class Double(Plugin, name="double"):
    async def handle(self, argument):
        await asyncio.sleep(0.001)
        return argument * 2


class Invert(Plugin, name="invert"):
    async def setup(self):
        await super().setup()
        self.count = 0

    async def handle(self, argument):
        self.count += 1
        if isinstance(argument, str):
            return argument[::-1]
        return 1 / argument


class Slow(Plugin, name="slow"):
    timeout = 0.01

    async def handle(self, argument):
        if argument:
            await asyncio.sleep(5)
        return "quick"
