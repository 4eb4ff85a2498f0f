import asyncio


class App:
    def __init__(self, name, loop=None):
        self.name = name
        self.loop = loop or asyncio.get_event_loop()
        self.out = []

    async def job(self, n):
        await asyncio.sleep(0.03 * n)
        self.out.append(n)

    def spawn(self, n):
        return self.loop.create_task(self.job(n))

    async def main(self, numbers):
        tasks = [self.spawn(n) for n in numbers]
        await asyncio.wait(tasks)
        self.out.append(f"{self.name} at {self.loop.time() > 0}")

    def run(self, numbers):
        try:
            self.loop.run_until_complete(self.main(numbers))
        except KeyboardInterrupt:
            self.out.append("stopped")
        finally:
            self.loop.close()
