import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import AsyncIterator, List, Optional


@dataclass(frozen=True)
class Row:
    day: str
    name: str
    count: int


class Stage(ABC):
    name = "stage"

    async def source(self) -> AsyncIterator[str]:
        raise NotImplementedError
        yield ""

    @abstractmethod
    async def handle(self, item):
        ...


class Reader(Stage):
    name = "read"

    def __init__(self, lines: List[str]):
        self.lines = lines

    async def source(self):
        for line in self.lines:
            await asyncio.sleep(0)
            yield line

    async def handle(self, item):
        raise RuntimeError("a reader has no input")


class Parser(Stage):
    name = "parse"

    async def handle(self, item: str) -> Optional[Row]:
        try:
            day, name, count = item.split(",")
            return Row(day, name, int(count))
        except ValueError:
            return None


class Loader(Stage):
    name = "load"

    def __init__(self):
        self.rows: List[Row] = []
        self._lock = asyncio.Lock()

    async def handle(self, item: Row):
        async with self._lock:
            await asyncio.sleep(0.001)
            self.rows.append(item)
        return item
