import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import AsyncIterator, Deque, Optional


class PoolTimeout(Exception):
    pass


class Connection:
    def __init__(self, number: int):
        self.number = number
        self.open = True

    async def query(self, sql: str) -> str:
        await asyncio.sleep(0.002)
        return f"result of {sql}"

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.open = False


class ConnectionPool:
    def __init__(self, size: int, timeout: Optional[float] = None):
        self._size = size
        self._timeout = timeout
        self._idle: Deque[Connection] = deque()
        self._cond = asyncio.Condition()
        self.created = 0
        self.closed = 0

    @property
    def free(self) -> int:
        return len(self._idle)

    async def __aenter__(self) -> "ConnectionPool":
        return self

    async def __aexit__(self, exc_type, exc, tb) -> None:
        async with self._cond:
            while self._idle:
                connection = self._idle.popleft()
                await connection.close()
                self.closed += 1

    def _available(self) -> bool:
        return bool(self._idle) or self.created < self._size

    async def _get(self) -> Connection:
        async with self._cond:
            await self._cond.wait_for(self._available)
            if self._idle:
                return self._idle.popleft()
            self.created += 1
            return Connection(self.created)

    async def _put(self, connection: Connection) -> None:
        async with self._cond:
            self._idle.append(connection)
            self._cond.notify()

    @asynccontextmanager
    async def acquire(self, timeout: Optional[float] = None) -> AsyncIterator[Connection]:
        try:
            connection = await asyncio.wait_for(self._get(), timeout or self._timeout)
        except asyncio.TimeoutError:
            raise PoolTimeout("no connection in time") from None
        try:
            yield connection
        finally:
            await self._put(connection)
