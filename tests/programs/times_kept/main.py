# moves: fully
# Times of the loop's clock in a deque, which only meet other times.
import asyncio
from collections import deque


class Window:
    def __init__(self, limit, period):
        self.limit = limit
        self.period = period
        self.calls = deque()
        self.passed = 0

    async def enter(self):
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            while self.calls and now - self.calls[0] > self.period:
                self.calls.popleft()
            if len(self.calls) < self.limit:
                self.calls.append(now)
                self.passed += 1
                return
            await asyncio.sleep(self.period - (now - self.calls[0]) + 0.01)


async def main():
    loop = asyncio.get_running_loop()
    window = Window(2, 0.1)
    started = loop.time()
    for number in range(5):
        await window.enter()
        print(number, window.passed)
    print(loop.time() - started >= 0.2)
    marks = []
    for _ in range(3):
        marks.append(loop.time())
        await asyncio.sleep(0.02)
    print(marks[-1] - marks[0] >= 0.04, len(marks))


asyncio.run(main())
