# moves: fully
import asyncio
import os
import signal

from daemon import Daemon


async def poke():
    await asyncio.sleep(0.03)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0.03)
    os.kill(os.getpid(), signal.SIGTERM)


async def main():
    daemon = Daemon()
    poker = asyncio.create_task(poke())
    await daemon.serve()
    await poker
    print("\n".join(daemon.log))


if __name__ == "__main__":
    asyncio.run(main())
