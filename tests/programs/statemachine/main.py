# moves: fully
import asyncio
from machine import Door, Traffic, drive


async def main():
    door = Door()
    opener = asyncio.create_task(door.wait_for("open"))
    closer = asyncio.create_task(door.wait_for("locked"))
    await asyncio.sleep(0)
    for action in ["open", "close", "lock", "explode", "unlock"]:
        try:
            await door.fire(action)
        except ValueError as error:
            print("error:", error)
    print(await opener, await closer)
    print(door.history)

    light = Traffic(cycle=0.02)
    task = asyncio.create_task(light.run())
    seen = [await light.changed() for _ in range(4)]
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("light off:", light.colour)
    print(seen)
    print(await drive(light_count=3))


if __name__ == "__main__":
    asyncio.run(main())
