import asyncio
import signal


class Daemon:
    def __init__(self):
        self.log = []
        self._stop = asyncio.Event()
        self._reloads = 0

    def _on_term(self):
        self.log.append("term")
        self._stop.set()

    def _on_reload(self):
        self._reloads += 1
        self.log.append(f"reload {self._reloads}")

    async def _beat(self):
        try:
            while True:
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.log.append("beat stopped")
            raise

    async def serve(self):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._on_term)
        loop.add_signal_handler(signal.SIGUSR1, self._on_reload)
        beat = asyncio.create_task(self._beat())
        self.log.append("serving")
        try:
            await self._stop.wait()
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            loop.remove_signal_handler(signal.SIGUSR1)
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)
        self.log.append("served")
