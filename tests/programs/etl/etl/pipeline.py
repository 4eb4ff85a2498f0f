from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .stages import Stage

END = object()


class Pipeline:
    """Connects the stages by queues."""

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        self.stages: list[Stage] = []
        self.stats: Counter[str] = Counter()

    def add(self, stage: Stage) -> None:
        self.stages.append(stage)

    async def _run_stage(self, stage: Stage, inbox: asyncio.Queue | None, outbox: asyncio.Queue | None) -> None:
        if inbox is None:
            async for item in stage.source():
                await outbox.put(item)
                self.stats[stage.name] += 1
        else:
            while True:
                item = await inbox.get()
                if item is END:
                    break
                result = await stage.handle(item)
                if result is None:
                    self.stats["skipped"] += 1
                    continue
                self.stats[stage.name] += 1
                if outbox is not None:
                    await outbox.put(result)
        if outbox is not None:
            await outbox.put(END)

    async def run(self) -> Counter[str]:
        queues = [asyncio.Queue(maxsize=self.maxsize) for _ in self.stages[:-1]]
        inboxes = [None, *queues]
        outboxes = [*queues, None]
        await asyncio.gather(
            *(
                self._run_stage(stage, inbox, outbox)
                for stage, inbox, outbox in zip(self.stages, inboxes, outboxes)
            )
        )
        return self.stats
