"""What a module loads when it is imported."""
import asyncio

from workers import download

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
jobs = [loop.create_task(download(name, 1)) for name in ("x", "y")]
loaded = loop.run_until_complete(asyncio.gather(*jobs))
names = [name for name, _ in loaded]
sizes = dict(job.result() for job in jobs)
loop.close()
