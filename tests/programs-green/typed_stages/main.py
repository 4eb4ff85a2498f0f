# moves: fully
from __future__ import annotations

import enum
import typing as t

import eventlet
from eventlet.greenthread import GreenThread
from eventlet.queue import Queue

if t.TYPE_CHECKING:
    from eventlet.event import Event

T = t.TypeVar("T")


class State(enum.Enum):
    IDLE = "idle"
    BUSY = "busy"
    DONE = "done"


class Stage(t.Generic[T]):
    def __init__(self, name: str, inbox: Queue, outbox: t.Optional[Queue] = None) -> None:
        self.name = name
        self.inbox = inbox
        self.outbox = outbox
        self.state = State.IDLE
        self.thread: t.Optional[GreenThread] = None
        self.items: t.List[T] = []

    def start(self) -> GreenThread:
        self.thread = eventlet.spawn(self.run)
        return self.thread

    def run(self) -> int:
        while (item := self.inbox.get()) is not None:
            self.state = State.BUSY
            eventlet.sleep(0.001)
            self.items.append(item)
            if self.outbox is not None:
                self.outbox.put(item)
        if self.outbox is not None:
            self.outbox.put(None)
        self.state = State.DONE
        return len(self.items)


def pipeline(values: t.Iterable[int]) -> tuple[int, int]:
    a: Queue = Queue()
    b: Queue = Queue(maxsize=1)
    first: Stage[int] = Stage("first", a, b)
    last: Stage[int] = Stage("last", b)
    threads = [first.start(), last.start()]
    for v in values:
        a.put(v)
    a.put(None)
    counts = tuple(thread.wait() for thread in threads)
    print(first.state, last.state.value, last.items)
    return counts


print(pipeline([3, 1, 2]))
