import abc
import asyncio


class Worker(abc.ABC):
    def __init__(self, name: str) -> None:
        self.name = name

    @abc.abstractmethod
    async def run(self) -> None: ...

    async def cleanup(self) -> None:
        pass


class CounterWorker(Worker):
    def __init__(self, name, limit):
        super().__init__(name)
        self.limit = limit
        self.count = 0
        self.finished = asyncio.Event()

    async def run(self):
        while self.count < self.limit:
            await asyncio.sleep(0.001)
            self.count += 1
        self.finished.set()


class FlakyWorker(Worker):
    def __init__(self, name, failures):
        super().__init__(name)
        self.failures = failures
        self.recovered = asyncio.Event()

    async def run(self):
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise RuntimeError(f"{self.failures} left")
        self.recovered.set()
        await asyncio.sleep(60)


class IdleWorker(Worker):
    def __init__(self, name):
        super().__init__(name)
        self.cleaned = False

    async def run(self):
        await asyncio.Event().wait()

    async def cleanup(self):
        await asyncio.sleep(0.001)
        self.cleaned = True
