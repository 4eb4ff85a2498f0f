import abc
import asyncio
from typing import Any, Dict, Type

REGISTRY: Dict[str, Type["Plugin"]] = {}
ORDER = []


class Plugin(abc.ABC):
    timeout = 5

    def __init_subclass__(cls, *, name, **kwargs):
        super().__init_subclass__(**kwargs)
        REGISTRY[name] = cls
        cls.name = name

    def __init__(self):
        self.lock = asyncio.Lock()

    async def __aenter__(self):
        ORDER.append(f"+{self.name}")
        await self.setup()
        return self

    async def __aexit__(self, *args):
        await self.teardown()
        ORDER.append(f"-{self.name}")

    async def setup(self):
        await asyncio.sleep(0)

    async def teardown(self):
        await asyncio.sleep(0)

    async def __call__(self, argument: Any):
        async with self.lock:
            try:
                async with asyncio.timeout(self.timeout):
                    return await self.handle(argument)
            except TimeoutError:
                return "timeout"
            except ArithmeticError as error:
                return f"error {error}"

    @abc.abstractmethod
    async def handle(self, argument):
        raise NotImplementedError
