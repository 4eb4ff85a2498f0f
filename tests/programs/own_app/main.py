# moves: fully
# A class of the program with events of its own, and providers that may give a coroutine or a value.
import asyncio
import functools


class App:
    def __init__(self):
        self.hooks = {"startup": [], "shutdown": []}
        self.providers = {}

    def on_event(self, kind):
        return self.hooks[kind].append

    def provide(self, name, factory):
        self.providers[name] = factory

    async def get(self, name):
        value = self.providers[name]()
        if asyncio.iscoroutine(value):
            value = await value
        return value

    async def run(self, kind):
        for hook in self.hooks[kind]:
            await hook()


app = App()


@app.on_event("startup")
async def connect():
    await asyncio.sleep(0.01)
    print("connected")


@app.on_event("shutdown")
async def disconnect():
    await asyncio.sleep(0.01)
    print("disconnected")


async def load(table):
    await asyncio.sleep(0.01)
    return f"rows of {table}"


async def main():
    app.provide("name", "anna".title)
    app.provide("rows", functools.partial(load, "users"))
    app.provide("numbers", lambda: [1, 2])
    await app.run("startup")
    for name in app.providers:
        print(name, await app.get(name))
    await app.run("shutdown")


asyncio.run(main())
