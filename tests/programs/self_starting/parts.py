import asyncio


class Component:
    """Runs from where it is made until it is told to stop."""

    made = []

    def __init__(self, name, *needs, period=0.02):
        self.name = name
        self.needs = needs
        self.period = period
        self.ticks = 0
        self.running = True
        self.task = asyncio.create_task(self.run())
        Component.made.append(self.name)

    async def run(self):
        while self.running:
            self.ticks += 1
            await asyncio.sleep(self.period)
        return self.ticks

    async def stop(self):
        self.running = False
        return await self.task


class Failing(Component):
    async def run(self):
        await asyncio.sleep(self.period)
        raise RuntimeError(self.name + " failed")


class Periodic:
    def __init__(self, function, interval):
        self.function = function
        self.interval = interval
        self.task = asyncio.ensure_future(self.loop())

    async def loop(self):
        while True:
            await asyncio.sleep(self.interval)
            self.function()

    def cancel(self):
        self.task.cancel()


class Game:
    def __init__(self):
        self.score = 0
        self.timers = [Periodic(self.tick, 0.02), Periodic(self.bonus, 0.05)]

    def tick(self):
        self.score += 1

    def bonus(self):
        self.score += 10

    def over(self):
        for timer in self.timers:
            timer.cancel()


def make(kind, name, **options):
    return kind(name, **options)
