# moves: fully
import asyncio
import io
import unittest

from throttle import Throttle


async def double(number):
    await asyncio.sleep(0.1)
    return number * 2


class ThrottleTest(unittest.IsolatedAsyncioTestCase):
    async def test_cancelled(self):
        throttle = Throttle(1)
        task = asyncio.create_task(throttle(asyncio.sleep(10)))
        await asyncio.sleep(0.02)
        self.assertEqual(throttle.active, 1)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertEqual(throttle.active, 0)

    async def test_stopped(self):
        throttle = Throttle(2)
        tasks = [asyncio.create_task(throttle(double(n))) for n in range(3)]
        await asyncio.sleep(0.15)
        tasks[2].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        stopped = [isinstance(it, asyncio.CancelledError) for it in results]
        self.assertEqual(stopped, [False, False, True])
        self.assertEqual(throttle.active, 0)


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(ThrottleTest)
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    print("tests", result.testsRun)
    for _, error in result.errors + result.failures:
        print(error)
