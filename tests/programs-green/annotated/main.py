# moves: fully
from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Optional

import gevent
from gevent.queue import Queue

if TYPE_CHECKING:
    from gevent import Greenlet
    from gevent.event import Event

Mode = Literal["Queue", "gevent"]


@dataclass
class Job:
    name: str
    done: "Event"
    mode: Mode = "Queue"


@dataclass
class Box:
    jobs: "Queue" = field(default_factory=Queue)
    worker: "Optional[Greenlet]" = None

    def start(self) -> "Greenlet":
        self.worker = gevent.spawn(self.work)
        return self.worker

    def work(self):
        while (job := self.jobs.get()) is not None:
            gevent.sleep(0.005)
            print(job.name, job.mode)
            job.done.set()


def main() -> None:
    from gevent.event import Event

    box = Box()
    worker: Greenlet = box.start()
    done = [Event() for _ in range(2)]
    for n, event in enumerate(done):
        box.jobs.put(Job(f"job{n}", event))
    for event in done:
        event.wait()
    box.jobs.put(None)
    worker.join()
    print(worker.successful())


main()
