from contextlib import contextmanager, ExitStack, asynccontextmanager
import asyncio

class Pool:
    @contextmanager
    def lease(self, name):
        c = self.take(name)
        try:
            yield c
        finally:
            self.give(c)

    def take(self, name):
        return Conn()

    def give(self, c):
        c.reset()

    @asynccontextmanager
    async def alease(self):
        c = self.take("a")
        yield c
        self.give(c)

class Conn:
    def query(self): pass
    def reset(self): pass
    def __enter__(self): return self
    def __exit__(self, *a): self.reset()

pool = Pool()
with pool.lease("x") as conn:
    conn.query()
with ExitStack() as stack:
    c = stack.enter_context(Conn())
    c.query()

async def main():
    async with pool.alease() as c:
        c.query()

asyncio.run(main())
