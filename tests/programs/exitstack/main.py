# moves: fully
import asyncio
from contextlib import AsyncExitStack, asynccontextmanager


class Resource:
    def __init__(self, name, log):
        self.name, self.log = name, log

    async def __aenter__(self):
        await asyncio.sleep(0)
        self.log.append(f"+{self.name}")
        return self

    async def __aexit__(self, *exc):
        await asyncio.sleep(0)
        self.log.append(f"-{self.name}")


class App:
    def __init__(self):
        self.log = []
        self._stack = AsyncExitStack()

    async def __aenter__(self):
        await self._stack.__aenter__()
        for n in "ab":
            await self._stack.enter_async_context(Resource(n, self.log))
        self._stack.push_async_callback(self.flush)
        return self

    async def __aexit__(self, *exc):
        return await self._stack.__aexit__(*exc)

    async def flush(self):
        await asyncio.sleep(0)
        self.log.append("flush")


async def serve(app, seconds):
    async with app:
        await asyncio.sleep(seconds)


async def main():
    app = App()
    await serve(app, 0)
    print(app.log)
    app = App()
    try:
        await asyncio.wait_for(serve(app, 5), 0.05)
    except asyncio.TimeoutError:
        print("timeout", app.log)
    app = App()
    try:
        async with asyncio.timeout(0.05):
            await serve(app, 5)
    except TimeoutError:
        print("timeout", app.log)


asyncio.run(main())
