import asyncio
import logging
from contextlib import suppress

background = set()
log = logging.getLogger(__name__)


async def work(n, *, fail=False):
    await asyncio.sleep(n / 10)
    if fail:
        raise ValueError(n)
    return n * 2


class Service:
    """Keeps a task."""

    def __init__(self):
        self._task: asyncio.Task[None] | None = None

    async def start(self):
        self._task = asyncio.create_task(self._run(), name="service")

    async def stop(self):
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self):
        try:
            while True:
                await asyncio.sleep(1)
        except asyncio.CancelledError:
            log.info("stopped")
            raise
        finally:
            await asyncio.sleep(0)


async def main():
    first = asyncio.create_task(work(1))
    tasks = [asyncio.ensure_future(work(i)) for i in range(3)]
    # between
    print(await first)
    done, pending = await asyncio.wait(tasks, timeout=5)
    for t in pending:
        t.cancel()
    results = await asyncio.gather(*[work(i) for i in (1, 2)], return_exceptions=True)
    print(results, [t.result() for t in done])
    bg = asyncio.create_task(work(9))
    background.add(bg)
    bg.add_done_callback(background.discard)
    service = Service()
    await service.start()
    try:
        a, b = await asyncio.gather(work(1), work(2, fail=True))
        print(f"""{a}
          {b}""")
    except ValueError as exc:
        print("caught", exc)
    finally:
        await service.stop()


if __name__ == "__main__":
    asyncio.run(main())
