# moves: fully
import asyncio
import functools
import sys

COMMANDS = {}


def command(name):
    def register(func):
        COMMANDS[name] = func
        return func
    return register


def coro(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return asyncio.run(func(*args, **kwargs))
    return wrapper


async def fetch(n, delay):
    await asyncio.sleep(delay)
    return n * 10


@command("sum")
@coro
async def total(*numbers):
    tasks = [asyncio.create_task(fetch(int(n), 0.01)) for n in numbers]
    print(sum([await task for task in tasks]))


@command("echo")
@coro
async def echo(*words):
    await asyncio.sleep(0)
    print(*words)


def main(argv):
    for line in argv:
        name, *rest = line.split()
        COMMANDS[name](*rest)


main(sys.argv[1:] or ["sum 1 2 3", "echo hi there"])
