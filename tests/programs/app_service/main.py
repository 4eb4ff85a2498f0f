# moves: fully
import asyncio
from contextlib import asynccontextmanager

from fastapi import FastAPI


class Poller:
    def __init__(self):
        self.count = 0
        self._task = None

    async def start(self):
        self._task = asyncio.create_task(self._run())

    async def _run(self):
        while True:
            self.count += 1
            await asyncio.sleep(0.01)

    async def stop(self):
        self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            pass


poller = Poller()


@asynccontextmanager
async def lifespan(app: FastAPI):
    await poller.start()
    yield
    await poller.stop()


app = FastAPI(lifespan=lifespan)


@app.get("/count")
async def count():
    await asyncio.sleep(0.05)
    return {"count": poller.count > 1}


if __name__ == "__main__":
    from fastapi.testclient import TestClient

    with TestClient(app) as client:
        print(client.get("/count").json())
