# moves: fully
"""Handlers of signals that are there as long as a server runs."""
import asyncio
import os
import signal


class Server:
    def __init__(self):
        self.stopped = asyncio.Event()

    async def run(self):
        loop = asyncio.get_running_loop()
        for sig in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sig, self.stopped.set)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await self.stopped.wait()
            print("told to stop")
        finally:
            for sig in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(sig)
            print("no more signals")


async def main():
    await Server().run()
    await asyncio.sleep(0.01)
    print("after")


asyncio.run(main())
