# moves: fully
import asyncio
import os
import signal
from app.service import Service
from app.ticker import Ticker


async def main():
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sig, stop.set)
    services = [Service("db"), Service("web"), Ticker(0.01)]
    for s in services:
        await s.start()
    loop.call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
    await stop.wait()
    print("stopping")
    for s in reversed(services):
        await s.stop()
    print("ticked", services[-1].count > 0)


asyncio.run(main())
