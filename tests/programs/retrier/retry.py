import asyncio
import functools
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, TypeVar

T = TypeVar("T")


class RetryError(Exception):
    pass


@dataclass
class Backoff:
    base: float
    factor: float
    maximum: float

    def delay(self, attempt: int) -> float:
        return min(self.base * self.factor ** attempt, self.maximum)


def retry(backoff: Backoff, tries: int = 3):
    def decorator(func: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        @functools.wraps(func)
        async def wrapper(*args: Any, **kwargs: Any) -> T:
            last = None
            for attempt in range(tries):
                try:
                    return await func(*args, **kwargs)
                except asyncio.CancelledError:
                    raise
                except Exception as exc:
                    last = exc
                    await asyncio.sleep(backoff.delay(attempt))
            raise RetryError(f"{func.__name__} failed {tries} times") from last
        return wrapper
    return decorator


def with_timeout(seconds):
    def decorator(func):
        @functools.wraps(func)
        async def wrapper(*args, **kwargs):
            return await asyncio.wait_for(func(*args, **kwargs), timeout=seconds)
        return wrapper
    return decorator
