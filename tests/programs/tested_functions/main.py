# moves: fully
# Functions that are tested before they are awaited with a timeout, the loop where errors are caught, and locks in an exit stack.
import asyncio
import contextlib
import functools
import time


class Account:
    def __init__(self, name, balance):
        self.name = name
        self.balance = balance
        self.lock = asyncio.Lock()


async def move(accounts, amount):
    async with contextlib.AsyncExitStack() as stack:
        for account in sorted(accounts, key=lambda account: account.name):
            await stack.enter_async_context(account.lock)
        source, target = accounts
        if source.balance < amount:
            raise ValueError(f"{source.name} has {source.balance}")
        source.balance -= amount
        await asyncio.sleep(0.01)
        target.balance += amount


class Hooks:
    def __init__(self):
        self.functions = []

    def register(self, function):
        self.functions.append(function)
        return function

    async def call(self, function, **values):
        try:
            if asyncio.iscoroutinefunction(function):
                return await asyncio.wait_for(function(**values), 0.05)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, functools.partial(function, **values))
        except asyncio.TimeoutError:
            return "too slow"
        except Exception as exc:
            return repr(exc)


hooks = Hooks()


@hooks.register
async def greet(name):
    await asyncio.sleep(0.01)
    return f"hello {name}"


@hooks.register
async def stuck(name):
    await asyncio.sleep(10)


@hooks.register
def blocking(name):
    time.sleep(0.01)
    return name.upper()


@hooks.register
def broken(name):
    raise KeyError(name)


async def main():
    for function in hooks.functions:
        print(await hooks.call(function, name="ann"))
    ann, bob = Account("ann", 10), Account("bob", 0)
    await move((ann, bob), 5)
    try:
        await move((bob, ann), 50)
    except ValueError as exc:
        print(exc)
    print(ann.balance, bob.balance)


asyncio.run(main())
