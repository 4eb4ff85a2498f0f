import asyncio


class App:
    def __init__(self):
        self.on_startup = []
        self.on_shutdown = []
        self.state = {}
        self.background = set()

    def startup(self, fn):
        self.on_startup.append(fn)
        return fn

    def shutdown(self, fn):
        self.on_shutdown.append(fn)
        return fn

    def spawn(self, coro):
        task = asyncio.create_task(coro)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        return task

    async def run(self, body):
        for fn in self.on_startup:
            await fn(self)
        try:
            await body(self)
        finally:
            for fn in reversed(self.on_shutdown):
                await fn(self)
            for task in list(self.background):
                task.cancel()
            await asyncio.gather(*self.background, return_exceptions=True)
