import asyncio


class Service:
    def __init__(self, name):
        self.name = name
        self._task = None
        self._ready = asyncio.Event()

    async def start(self):
        self._task = asyncio.create_task(self._main())
        await self._ready.wait()
        print(self.name, "started")

    async def stop(self):
        self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            pass
        print(self.name, "stopped")

    async def _main(self):
        self._ready.set()
        try:
            while True:
                await asyncio.sleep(3600)
        finally:
            print(self.name, "cleanup")
