# moves: partly
"""Handlers of signals that are installed by functions which return at once."""
import asyncio
import os
import signal


async def setup(stop):
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    print("installed")


class App:
    def __init__(self):
        self.stop = asyncio.Event()

    async def start(self):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, print, "hup")
        await asyncio.sleep(0)


async def main():
    stop = asyncio.Event()
    await setup(stop)
    app = App()
    await app.start()
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.wait()
    print("stopping")


asyncio.run(main())
