import asyncio


async def walk(root):
    loop = asyncio.get_running_loop()
    pending = [root]
    while pending:
        directory = pending.pop()
        entries = await loop.run_in_executor(None, lambda: sorted(directory.iterdir()))
        for entry in entries:
            if await asyncio.to_thread(entry.is_dir):
                pending.append(entry)
            else:
                yield entry
