# moves: fully
# A future that is waited for with a timeout is cancelled when the time is over: who would set it then is told.
import asyncio


class Desk:
    def __init__(self):
        self.questions = asyncio.Queue()
        self.log = []

    async def ask(self, question, timeout):
        reply = asyncio.get_running_loop().create_future()
        await self.questions.put((question, reply))
        return await asyncio.wait_for(reply, timeout)

    async def serve(self):
        while True:
            question, reply = await self.questions.get()
            if question is None:
                break
            await asyncio.sleep(question)
            try:
                if question > 1:
                    reply.set_exception(ValueError("too long"))
                else:
                    reply.set_result(question * 2)
            except asyncio.InvalidStateError:
                self.log.append(f"nobody waits for {question}")


async def main():
    desk = Desk()
    server = asyncio.create_task(desk.serve())
    print(await desk.ask(0.01, 5))
    try:
        await desk.ask(0.2, 0.05)
    except asyncio.TimeoutError:
        print("time is up")
    print(await desk.ask(0.01, None))
    try:
        await desk.ask(1.01, 10)
    except ValueError as exc:
        print("failed", exc)
    await desk.questions.put((None, None))
    await server
    print(desk.log)


asyncio.run(main())
