# moves: fully
import asyncio
import sys
from asyncio.subprocess import PIPE

from runner import CommandError, Runner, stream_lines


async def main() -> None:
    runner = Runner(parallel=2)
    results = await runner.run_many(
        [
            [sys.executable, "-c", "print('one')"],
            [sys.executable, "-c", "import sys; print('two', file=sys.stderr)"],
            [sys.executable, "-c", "raise SystemExit(3)"],
        ]
    )
    for result in results:
        print(result)
    try:
        await runner.check([sys.executable, "-c", "raise SystemExit(4)"])
    except CommandError as error:
        print("error", error.code)
    print(await runner.feed([sys.executable, "-c", "print(input()[::-1])"], "hello\n"))
    async for line in stream_lines([sys.executable, "-c", "for i in range(3): print('line', i)"]):
        print(line)
    try:
        await runner.with_timeout([sys.executable, "-c", "import time; time.sleep(30)"], 0.2)
    except asyncio.TimeoutError:
        print("killed")


asyncio.run(main())
