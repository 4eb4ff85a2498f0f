# moves: partly
"""Two kinds of children: one is kept by an object and asked by lines, the lines of the other are read until its end."""
import asyncio
import sys

SQUARES = """
import sys
for line in sys.stdin:
    print(int(line) ** 2, flush=True)
sys.exit(4)
"""


class Calculator:
    def __init__(self):
        self.process = None

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SQUARES, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        return self

    async def square(self, number):
        self.process.stdin.write(b"%d\n" % number)
        await self.process.stdin.drain()
        return int(await self.process.stdout.readline())

    async def __aexit__(self, *_):
        self.process.stdin.close()
        print("ended with", await self.process.wait())


async def lines(code):
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    async for line in process.stdout:
        print("line", line)
    return await process.wait()


async def main():
    async with Calculator() as calculator:
        for number in range(3):
            print(await calculator.square(number))
    print(await lines("for n in range(3): print('n', n)"))


asyncio.run(main())
