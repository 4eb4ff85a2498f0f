import asyncio
import enum
from dataclasses import dataclass, field
from typing import Awaitable, Callable, Dict, Optional, Union


class JobFailed(Exception):
    """Raised inside the scheduler only."""


class State(enum.Enum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    TIMEOUT = "timeout"


@dataclass
class Job:
    name: str
    func: Callable[[str], Awaitable[object]]
    timeout: Optional[float] = None
    retries: int = 0
    priority: int = 0
    state: State = State.PENDING
    attempts: int = 0
    result: object = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Scheduler:
    def __init__(self, workers: int, default_timeout: float):
        self._queue: "asyncio.Queue[Union[Job, None]]" = asyncio.Queue()
        self._n = workers
        self._timeout = default_timeout
        self._jobs: Dict[str, Job] = {}
        self.elapsed = 0.0

    def submit(self, job: Job) -> None:
        self._jobs[job.name] = job
        self._queue.put_nowait(job)

    async def _attempt(self, job: Job) -> None:
        job.state = State.RUNNING
        job.attempts += 1
        try:
            job.result = await asyncio.wait_for(job.func(job.name), timeout=job.timeout or self._timeout)
            job.state = State.DONE
        except asyncio.TimeoutError:
            job.state = State.TIMEOUT
        except Exception as exc:
            job.state = State.FAILED
            raise JobFailed(job.name) from exc

    async def _worker(self, number: int) -> None:
        while True:
            job = await self._queue.get()
            if job is None:
                return
            try:
                await self._attempt(job)
            except JobFailed:
                if job.attempts <= job.retries:
                    self._queue.put_nowait(job)
                    continue
            job.done.set()

    async def run(self) -> Dict[str, str]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        workers = [asyncio.create_task(self._worker(i)) for i in range(self._n)]
        for job in self._jobs.values():
            await job.done.wait()
        for _ in workers:
            self._queue.put_nowait(None)
        await asyncio.gather(*workers)
        self.elapsed = loop.time() - start
        return {
            job.name: f"{job.state.value} after {job.attempts}: {job.result}"
            for job in self._jobs.values()
        }
