from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from typing import Any, Awaitable, Callable

Handler = Callable[[Any], Awaitable[None]]


class EventBus:
    def __init__(self) -> None:
        self._handlers: dict[str, list[Handler]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, topic: str) -> Callable[[Handler], Handler]:
        def register(fn: Handler) -> Handler:
            self._handlers[topic].append(fn)
            return fn

        return register

    def emit(self, topic: str, payload: Any) -> None:
        for handler in self._handlers[topic]:
            result = handler(payload)
            if inspect.isawaitable(result):
                task = asyncio.ensure_future(result)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def publish(self, topic: str, payload: Any) -> None:
        await asyncio.gather(*(h(payload) for h in self._handlers[topic]))

    async def drain(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)
