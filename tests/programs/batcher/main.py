# moves: fully
import asyncio
from batch.batcher import Batcher
from batch.types import Request


async def handler(requests):
    await asyncio.sleep(0.005)
    return [r.value ** 2 for r in requests]


async def main():
    batcher = Batcher(handler, max_size=3, max_wait=0.02)
    await batcher.start()
    try:
        results = await asyncio.gather(*[batcher.submit(Request(i)) for i in range(7)])
        print(results)
        print(batcher.sizes)
    finally:
        await batcher.stop()
    print("stopped", batcher.running)


asyncio.run(main())
