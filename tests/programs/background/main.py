# moves: fully
import asyncio

from app import App

app = App()


@app.startup
async def open_db(app):
    await asyncio.sleep(0)
    app.state["db"] = "db"
    print("startup")


@app.shutdown
async def close_db(app):
    await asyncio.sleep(0)
    print("shutdown", app.state.pop("db"))


async def ticker(app):
    while True:
        app.state["ticks"] = app.state.get("ticks", 0) + 1
        await asyncio.sleep(0.01)


async def body(app):
    app.spawn(ticker(app))
    await asyncio.sleep(0.055)
    print("ticks", app.state["ticks"] > 2)


if __name__ == "__main__":
    asyncio.run(app.run(body))
