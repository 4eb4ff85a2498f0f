from asyncio import sleep

from bus import on

audit = []


@on("user.created")
async def welcome(payload):
    await sleep(0.001)
    audit.append(f"welcome {payload['name']}")


@on("user.created")
async def index(payload):
    await sleep(0)
    audit.append(f"index {payload['name']}")


@on("user.deleted")
async def forget(payload):
    audit.append(f"forget {payload['name']}")
    raise ValueError("nothing to forget")
