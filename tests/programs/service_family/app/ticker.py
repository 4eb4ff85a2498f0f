import asyncio
from app.service import Service


class Ticker(Service):
    def __init__(self, period):
        super().__init__("ticker")
        self.period = period
        self.count = 0

    async def _main(self):
        self._ready.set()
        while True:
            self.count += 1
            await asyncio.sleep(self.period)
