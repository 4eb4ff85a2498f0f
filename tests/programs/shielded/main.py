# moves: fully
import asyncio


class Ledger:
    def __init__(self):
        self.entries = []
        self.committed = 0

    async def _commit(self):
        await asyncio.sleep(0.1)
        self.committed = len(self.entries)

    async def write(self, entry):
        self.entries.append(entry)
        try:
            await asyncio.sleep(5)
        finally:
            await asyncio.shield(self._commit())

    async def background_commit(self):
        task = asyncio.ensure_future(self._commit())
        try:
            await asyncio.wait_for(asyncio.shield(task), timeout=0.01)
        except asyncio.TimeoutError:
            print("not yet", self.committed)
        await task
        print("now", self.committed)


async def main():
    ledger = Ledger()
    task = asyncio.create_task(ledger.write("a"))
    await asyncio.sleep(0.02)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled, committed", ledger.committed)
    ledger.entries.append("b")
    await ledger.background_commit()


asyncio.run(main())
