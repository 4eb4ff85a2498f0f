# moves: fully
import asyncio as aio

from bus import EventBus, on, registry
import handlers  # noqa: F401  registers the handlers


async def run():
    bus = EventBus.from_registry(registry)
    async with bus:
        await bus.publish("user.created", {"name": "ann"})
        await bus.publish("user.created", {"name": "bob"})
        await bus.publish("user.deleted", {"name": "ann"})
        await bus.publish("unknown", {})
        await bus.flush()
    for line in handlers.audit:
        print(line)
    print("dropped", bus.dropped, "errors", bus.errors)


if __name__ == "__main__":
    aio.run(run())
