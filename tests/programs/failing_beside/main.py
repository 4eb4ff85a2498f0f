# moves: fully
"""An error that nobody catches ends the program when it is raised, and what runs beside it with it."""
import asyncio
import subprocess
import sys

CRASHES = ("one", "gathered", "together")


async def fail():
    await asyncio.sleep(0.02)
    raise ValueError("no")


async def tell(text, seconds):
    try:
        await asyncio.sleep(seconds)
        print(text, flush=True)
    finally:
        print("end of", text, flush=True)


async def one_after_the_other():
    failing = asyncio.create_task(fail())
    beside = asyncio.create_task(tell("too late", 0.2))
    print("made", flush=True)
    await failing
    await beside


async def gathered():
    tasks = [asyncio.create_task(tell("in time", 0.01)), asyncio.create_task(fail())]
    tasks.append(asyncio.create_task(tell("too late", 0.2)))
    await asyncio.gather(*tasks)
    print("never", flush=True)


async def together():
    await asyncio.gather(tell("in time", 0.01), fail(), tell("too late", 0.2))
    print("never", flush=True)


async def crash(how):
    if how == "one":
        await one_after_the_other()
    elif how == "gathered":
        await gathered()
    else:
        await together()


def main():
    if len(sys.argv) > 1:
        asyncio.run(crash(sys.argv[1]))
    for how in CRASHES:
        child = subprocess.run([sys.executable, __file__, how], capture_output=True, text=True)
        print(how, child.returncode, child.stdout.split("\n"))


if __name__ == "__main__":
    main()
