# moves: fully
import asyncio
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient


async def worker(queue: asyncio.Queue, done: list):
    while True:
        item = await queue.get()
        await asyncio.sleep(0.001)
        done.append(item)
        queue.task_done()


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.queue = asyncio.Queue()
    app.state.done = []
    app.state.lock = asyncio.Lock()
    app.state.worker = asyncio.create_task(worker(app.state.queue, app.state.done))
    yield
    app.state.worker.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/jobs/{n}")
async def add(n: int, request: Request):
    async with request.app.state.lock:
        await request.app.state.queue.put(n)
    return {"queued": n}


@app.get("/done")
async def done(request: Request):
    await request.app.state.queue.join()
    return request.app.state.done


if __name__ == "__main__":
    with TestClient(app) as client:
        for n in range(3):
            print(client.post(f"/jobs/{n}").json())
        print(client.get("/done").json())
