# moves: fully
"""Decorators that keep functions in tables; some of these start tasks."""
import asyncio


class App:
    def __init__(self):
        self.hooks = []
        self.commands = {}
        self.background = set()

    def on_start(self, hook):
        self.hooks.append(hook)
        return hook

    def command(self, name):
        def register(handler):
            self.commands[name] = handler
            return handler

        return register

    def spawn(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        task.add_done_callback(self.report)
        return task

    @staticmethod
    def report(task):
        if task.cancelled():
            return
        error = task.exception()
        print("ended", "well" if error is None else error)

    async def run(self, lines):
        for hook in self.hooks:
            await hook(self)
        for line in lines:
            name, *words = line.split()
            await self.commands[name](self, *words)
            await asyncio.sleep(0.03)
        for task in list(self.background):
            task.cancel()
        if self.background:
            await asyncio.wait(self.background)


app = App()


async def tick(name):
    try:
        while True:
            await asyncio.sleep(0.02)
    finally:
        print(name, "stops")


async def count(number):
    await asyncio.sleep(0.01)
    return 10 // number


@app.on_start
async def begin(app):
    print("begin")
    app.spawn(tick("ticker"))


@app.command("count")
async def count_command(app, number):
    app.spawn(count(int(number)))


@app.command("say")
async def say(app, *words):
    print(*words)


asyncio.run(app.run(["say hello you", "count 2", "count 0", "say bye"]))
