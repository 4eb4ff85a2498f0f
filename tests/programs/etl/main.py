# moves: fully
"""A small ETL: read, transform, load, with a report at the end."""
import asyncio

from etl.pipeline import Pipeline
from etl.stages import Loader, Parser, Reader
from etl.report import render


RAW = [
    "2024-01-01,apples,12",
    "2024-01-01,pears,7",
    "broken line",
    "2024-01-02,apples,3",
    "2024-01-03,plums,x",
    "2024-01-03,plums,9",
]


async def main() -> None:
    pipeline = Pipeline(maxsize=2)
    loader = Loader()
    pipeline.add(Reader(RAW))
    pipeline.add(Parser())
    pipeline.add(loader)
    stats = await pipeline.run()
    print(render(loader.rows, stats))


if __name__ == "__main__":
    asyncio.run(main())
