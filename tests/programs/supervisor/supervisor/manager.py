import asyncio
import logging
from typing import Dict, List, Optional

from .workers import Worker

logger = logging.getLogger("supervisor")


class Manager:
    """Starts workers, restarts those that fail, stops all."""

    def __init__(self, max_restarts: int = 5) -> None:
        self._workers: Dict[str, Worker] = {}
        self._tasks: Dict[str, asyncio.Task] = {}
        self._max_restarts = max_restarts
        self._log: List[str] = []

    def register(self, worker: Worker) -> None:
        self._workers[worker.name] = worker

    @property
    def running(self) -> int:
        return len([t for t in self._tasks.values() if not t.done()])

    async def start(self) -> None:
        for name, worker in self._workers.items():
            self._tasks[name] = asyncio.create_task(self._supervise(worker), name=name)

    async def _supervise(self, worker: Worker) -> None:
        restarts = 0
        while True:
            try:
                await worker.run()
            except asyncio.CancelledError:
                await worker.cleanup()
                raise
            except Exception as exc:
                restarts += 1
                logger.warning("%s failed: %r", worker.name, exc)
                self._log.append(f"{worker.name}: restart {restarts} after {exc}")
                if restarts >= self._max_restarts:
                    return
                await asyncio.sleep(0.001 * restarts)
            else:
                self._log.append(f"{worker.name}: done")
                return

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def events(self) -> List[str]:
        return sorted(self._log)
