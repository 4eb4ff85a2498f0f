//! The small functions that stand in for `asyncio.gather`, by what the oldest Python and `AnyIO` have.

use loopshift_python::edit::Helper;

/// Takes the first error out of a group.
pub(crate) static FIRST_ERROR: Helper = Helper {
    name: "first_error",
    source: "\
@{@contextlib:contextmanager}
def {name}():
    \"\"\"Raise the first error of a task group by itself, as asyncio.gather does.\"\"\"
    try:
        yield
    except BaseExceptionGroup as group:
        exc = group.exceptions[0]
        raise exc from exc.__cause__
",
};

/// The same, before Python 3.11.
pub(crate) static FIRST_ERROR_310: Helper = Helper {
    name: "first_error",
    source: "\
if {@sys}.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup


@{@contextlib:contextmanager}
def {name}():
    \"\"\"Raise the first error of a task group by itself, as asyncio.gather does.\"\"\"
    try:
        yield
    except BaseExceptionGroup as group:
        exc = group.exceptions[0]
        raise exc from exc.__cause__
",
};

/// `asyncio.gather`, without what its siblings do after an error.
pub(crate) static GATHER: Helper = Helper {
    name: "_gather",
    source: "\
async def {name}(*coros):
    try:
        return list(await {@anyio}.gather(*coros))
    except BaseExceptionGroup as group:
        exc = group.exceptions[0]
        raise exc from exc.__cause__
",
};

/// The same, before Python 3.11.
pub(crate) static GATHER_310: Helper = Helper {
    name: "_gather",
    source: "\
if {@sys}.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup


async def {name}(*coros):
    try:
        return list(await {@anyio}.gather(*coros))
    except BaseExceptionGroup as group:
        exc = group.exceptions[0]
        raise exc from exc.__cause__
",
};

/// `asyncio.gather` of what can't raise.
pub(crate) static GATHER_QUIET: Helper = Helper {
    name: "_gather",
    source: "\
async def {name}(*coros):
    return list(await {@anyio}.gather(*coros))
",
};

/// The same, before `AnyIO` 4.15.
pub(crate) static GATHER_40_QUIET: Helper = Helper {
    name: "_gather",
    source: "\
async def {name}(*coros):
    results = [None] * len(coros)

    async def run(i, coro):
        results[i] = await coro

    async with {@anyio}.create_task_group() as tg:
        for i, coro in enumerate(coros):
            tg.start_soon(run, i, coro)
    return results
",
};

/// `asyncio.gather`, before `AnyIO` 4.15.
pub(crate) static GATHER_40: Helper = Helper {
    name: "_gather",
    source: "\
async def {name}(*coros):
    results = [None] * len(coros)

    async def run(i, coro):
        results[i] = await coro

    try:
        async with {@anyio}.create_task_group() as tg:
            for i, coro in enumerate(coros):
                tg.start_soon(run, i, coro)
    except BaseExceptionGroup as group:
        exc = group.exceptions[0]
        raise exc from exc.__cause__
    return results
",
};

/// The same, before Python 3.11.
pub(crate) static GATHER_40_310: Helper = Helper {
    name: "_gather",
    source: "\
if {@sys}.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup


async def {name}(*coros):
    results = [None] * len(coros)

    async def run(i, coro):
        results[i] = await coro

    try:
        async with {@anyio}.create_task_group() as tg:
            for i, coro in enumerate(coros):
                tg.start_soon(run, i, coro)
    except BaseExceptionGroup as group:
        exc = group.exceptions[0]
        raise exc from exc.__cause__
    return results
",
};

/// The result of a coroutine, or its error.
pub(crate) static OUTCOME: Helper = Helper {
    name: "_outcome",
    source: "\
async def {name}(coro):
    try:
        return await coro
    except Exception as exc:  # never cancellation: it is a BaseException on both backends
        return exc
",
};

/// `asyncio.gather` where it is computed whether errors are results.
pub(crate) static GATHER_EITHER: Helper = Helper {
    name: "_gather_outcomes",
    source: "\
async def {name}(*coros, return_exceptions):
    async def outcome(coro):
        try:
            return await coro
        except Exception as exc:
            if return_exceptions:
                return exc
            raise

    try:
        return list(await {@anyio}.gather(*map(outcome, coros)))
    except BaseExceptionGroup as group:
        exc = group.exceptions[0]
        raise exc from exc.__cause__
",
};

/// `asyncio.gather` of calls in a pool, where leaving the pool waits for all of them.
pub(crate) static GATHER_ALL: Helper = Helper {
    name: "_gather_all",
    source: "\
async def {name}(*coros):
    \"\"\"Give all results, or raise the first error when all coroutines have ended.\"\"\"
    results = [None] * len(coros)
    errors = []

    async def run(i, coro):
        try:
            results[i] = await coro
        except {@anyio}.get_cancelled_exc_class():
            raise
        except BaseException as exc:
            errors.append(exc)

    async with {@anyio}.create_task_group() as tg:
        for i, coro in enumerate(coros):
            tg.start_soon(run, i, coro)
    if errors:
        raise errors[0]
    return results
",
};

/// `asyncio.gather` in a task group that lives on: the siblings of what failed run on in it.
pub(crate) static GATHER_IN: Helper = Helper {
    name: "_gather_in",
    source: "\
async def {name}(tg, *coros):
    \"\"\"Give all results, or raise the first error while the other coroutines run on in the group.\"\"\"
    results = [None] * len(coros)
    left = len(coros)
    error = None
    done = {@anyio}.Event()

    async def run(i, coro):
        nonlocal left, error
        try:
            results[i] = await coro
        except Exception as exc:
            if error is None:
                error = exc
                done.set()
        finally:
            left -= 1
            if not left:
                done.set()

    for i, coro in enumerate(coros):
        tg.start_soon(run, i, coro)
    if coros:
        await done.wait()
    if error is not None:
        raise error
    return results
",
};

/// The same, where who waits may be cancelled: that cancels what still runs, and the first of it that ends lets who waits go.
pub(crate) static GATHER_IN_CANCELLED: Helper = Helper {
    name: "_cancellable_gather_in",
    source: "\
async def {name}(tg, *coros):
    \"\"\"Give all results, or raise the first error while the others run on in the group; cancelled, cancel them.\"\"\"
    results = [None] * len(coros)
    scopes = [{@anyio}.CancelScope() for _ in coros]
    left = len(coros)
    error = None
    done = {@anyio}.Event()

    async def run(i, coro):
        nonlocal left, error
        try:
            with scopes[i] as scope:
                if scope.cancel_called:
                    coro.close()
                    done.set()
                else:
                    results[i] = await coro
        except Exception as exc:
            if error is None:
                error = exc
                done.set()
        finally:
            left -= 1
            if not left or scopes[i].cancelled_caught:
                done.set()

    for i, coro in enumerate(coros):
        tg.start_soon(run, i, coro)
    if coros:
        try:
            await done.wait()
        except {@anyio}.get_cancelled_exc_class():
            for scope in scopes:
                scope.cancel()
            with {@anyio}.CancelScope(shield=True):
                await done.wait()
            if error is None:
                raise
    if error is not None:
        raise error
    return results
",
};
