import asyncio

dispatcher = {}


def method(func):
    dispatcher[func.__name__] = func
    return func


@method
async def add(a, b):
    return a + b


@method
async def upper(text):
    await asyncio.sleep(0)
    return text.upper()


@method
async def sleepy(delay):
    await asyncio.sleep(delay)
    return "awake"


@method
async def divide(a, b):
    return a / b
