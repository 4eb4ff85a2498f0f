import asyncio
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from typing import AsyncIterator, List, Sequence


class CommandError(Exception):
    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


@dataclass
class Result:
    code: int
    out: str
    err: str


class Runner:
    def __init__(self, parallel: int = 4):
        self._slots = asyncio.Semaphore(parallel)

    async def run(self, command: Sequence[str]) -> Result:
        async with self._slots:
            process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
            out, err = await process.communicate()
            return Result(process.returncode, out.decode().strip(), err.decode().strip())

    async def run_many(self, commands: List[Sequence[str]]) -> List[Result]:
        return await asyncio.gather(*[self.run(command) for command in commands])

    async def check(self, command):
        result = await self.run(command)
        if result.code:
            raise CommandError(result.code)
        return result.out

    async def feed(self, command, text: str) -> str:
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        out, _ = await process.communicate(text.encode())
        return out.decode().strip()

    async def with_timeout(self, command, seconds):
        process = await asyncio.create_subprocess_exec(*command)
        try:
            return await asyncio.wait_for(process.wait(), timeout=seconds)
        except asyncio.TimeoutError:
            process.kill()
            await process.wait()
            raise


async def stream_lines(command) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    while True:
        line = await process.stdout.readline()
        if not line:
            break
        yield line.decode().rstrip()
    await process.wait()
