# moves: fully
import asyncio
import pathlib
import tempfile

from fileproc import hashing, walker


async def process(root: pathlib.Path, jobs: int):
    limiter = asyncio.Semaphore(jobs)
    summary = hashing.Summary()

    async def one(path: pathlib.Path):
        async with limiter:
            digest, size = await asyncio.to_thread(hashing.digest, path, algorithm="sha1")
            summary.add(path.relative_to(root).as_posix(), digest[:8], size)

    async with asyncio.TaskGroup() as tg:
        async for path in walker.walk(root):
            tg.create_task(one(path))
    return summary


def main():
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "sub").mkdir()
        for i in range(4):
            (root / f"f{i}.txt").write_text("x" * i)
            (root / "sub" / f"g{i}.txt").write_text("y" * (i * 10))
        summary = asyncio.run(process(root, jobs=3))
    print(summary.render())


if __name__ == "__main__":
    main()
