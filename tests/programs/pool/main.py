# moves: fully
import asyncio
from contextlib import asynccontextmanager

from pool import ConnectionPool, PoolTimeout


async def worker(pool, n, log):
    async with pool.acquire() as conn:
        log.append(("start", n))
        result = await conn.query(f"select {n}")
        log.append(("end", n))
        return result


async def main():
    log = []
    async with ConnectionPool(size=2, timeout=0.5) as pool:
        results = await asyncio.gather(*(worker(pool, n, log) for n in range(5)))
        print(sorted(results))
        print("created", pool.created, "free", pool.free)
        async with pool.acquire(), pool.acquire():
            try:
                async with pool.acquire(timeout=0.01):
                    print("never")
            except PoolTimeout as exc:
                print("timeout:", exc)
        print("free", pool.free)
        running = 0
        peak = 0
        for kind, _ in log:
            running += 1 if kind == "start" else -1
            peak = max(peak, running)
        print("peak", peak)
    print("closed", pool.closed)


asyncio.run(main())
