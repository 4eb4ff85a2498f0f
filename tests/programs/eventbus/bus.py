import asyncio as aio
from collections import defaultdict

registry = defaultdict(list)


def on(topic):
    def decorate(func):
        registry[topic].append(func)
        return func
    return decorate


class EventBus:
    def __init__(self, subscribers=None):
        self._subscribers = subscribers or {}
        self._queue = aio.Queue()
        self._task = None
        self._idle = aio.Event()
        self.dropped = 0
        self.errors = 0

    @classmethod
    def from_registry(cls, reg):
        return cls({topic: list(funcs) for topic, funcs in reg.items()})

    async def __aenter__(self):
        self._task = aio.create_task(self._dispatch())
        return self

    async def __aexit__(self, *exc_info):
        self._task.cancel()
        try:
            await self._task
        except aio.CancelledError:
            pass

    async def publish(self, topic, payload):
        await self._queue.put((topic, payload))

    async def flush(self):
        await self._queue.join()

    async def _dispatch(self):
        while True:
            topic, payload = await self._queue.get()
            try:
                funcs = self._subscribers.get(topic)
                if not funcs:
                    self.dropped += 1
                    continue
                for func in funcs:
                    try:
                        await func(payload)
                    except ValueError:
                        self.errors += 1
            finally:
                self._queue.task_done()
