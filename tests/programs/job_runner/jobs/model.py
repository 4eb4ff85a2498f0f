import asyncio


class JobFailed(Exception):
    pass


class Job:
    def __init__(self, name, fn, args):
        self.name = name
        self.fn = fn
        self.args = args
        self._done = asyncio.Event()
        self._value = None
        self._error = None

    async def run(self):
        try:
            self._value = await self.fn(*self.args)
        except Exception as e:
            self._error = e
        finally:
            self._done.set()

    async def result(self):
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value
