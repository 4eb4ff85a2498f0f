//! Loops that builtins make, where what they go through or call waits.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_sleep",
        source: "\
async def {name}(seconds=0):
    \"\"\"Sleep, for no time where none is given.\"\"\"
    await {@asyncio}.sleep(seconds)
",
    },
    Helper {
        name: "_awaited",
        source: "\
async def {name}(value):
    \"\"\"What a call gave: what the coroutine gives where it gave one.\"\"\"
    return await value if {@inspect}.iscoroutine(value) else value
",
    },
    Helper {
        name: "_waiting",
        source: "\
def {name}(function):
    \"\"\"A function that is awaited, in place of one that is not.\"\"\"
    @{@functools}.wraps(function)
    async def call(*args, **kwargs):
        return function(*args, **kwargs)
    return call
",
    },
    Helper {
        name: "_each",
        source: "\
async def {name}(items):
    \"\"\"Go through what waits for its items, or does not.\"\"\"
    if hasattr(items, \"__aiter__\"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
",
    },
    Helper {
        name: "_lines",
        source: "\
async def {name}(pipe):
    \"\"\"The lines of a pipe, each read in a thread.\"\"\"
    while line := await {@asyncio}.to_thread(pipe.readline):
        yield line
",
    },
    Helper {
        name: "_timed",
        source: "\
def {name}(function, *args, timeout=None, **kwargs):
    \"\"\"Run a process; the error of one that takes too long says how long it was given.\"\"\"
    try:
        return function(*args, timeout=timeout, **kwargs)
    except {@subprocess}.TimeoutExpired as error:
        error.timeout = timeout
        error.args = error.cmd, timeout
        raise
",
    },
    Helper {
        name: "_any",
        source: "\
async def {name}(items):
    \"\"\"Whether any item is true, going no further than that.\"\"\"
    async for item in items:
        if item:
            return True
    return False
",
    },
    Helper {
        name: "_all",
        source: "\
async def {name}(items):
    \"\"\"Whether all items are true, going no further than the first that is not.\"\"\"
    async for item in items:
        if not item:
            return False
    return True
",
    },
    Helper {
        name: "_enumerate",
        source: "\
async def {name}(items, start=0):
    \"\"\"Number items that are waited for.\"\"\"
    number = start
    async for item in items:
        yield number, item
        number += 1
",
    },
    Helper {
        name: "_map",
        source: "\
async def {name}(function, items):
    \"\"\"What a function makes of items that are waited for.\"\"\"
    async for item in items:
        yield function(item)
",
    },
    Helper {
        name: "_filter",
        source: "\
async def {name}(function, items):
    \"\"\"The items that are waited for and that a function lets through.\"\"\"
    async for item in items:
        if (function or bool)(item):
            yield item
",
    },
    Helper {
        name: "_chain",
        source: "\
async def {name}(*iterables):
    \"\"\"The items of one after the other, which are waited for or not.\"\"\"
    for items in iterables:
        async for item in {#each}(items):
            yield item
",
    },
    Helper {
        name: "_flat",
        source: "\
async def {name}(iterables):
    \"\"\"The items of what is waited for.\"\"\"
    async for items in iterables:
        for item in items:
            yield item
",
    },
    Helper {
        name: "_islice",
        source: "\
async def {name}(items, *bounds):
    \"\"\"Some of the items that are waited for, going no further than the last of them.\"\"\"
    wanted = slice(*bounds)
    start, stop, step = wanted.start or 0, wanted.stop, wanted.step or 1
    number = 0
    if stop is not None and stop <= start:
        return
    async for item in items:
        if number >= start and (number - start) % step == 0:
            yield item
        number += 1
        if number == stop:
            return
",
    },
    Helper {
        name: "_sorted",
        source: "\
async def {name}(items, *, key, reverse=False):
    \"\"\"Sort by a key that waits.\"\"\"
    pairs = [(await key(item), item) for item in items]
    pairs.sort(key=lambda pair: pair[0], reverse=reverse)
    return [item for _, item in pairs]
",
    },
    Helper {
        name: "_min",
        source: "\
async def {name}(items, *, key, **default):
    \"\"\"The item with the least key, which waits.\"\"\"
    pairs = [(await key(item), item) for item in items]
    return min(pairs, key=lambda pair: pair[0])[1] if pairs else min(pairs, **default)
",
    },
    Helper {
        name: "_max",
        source: "\
async def {name}(items, *, key, **default):
    \"\"\"The item with the greatest key, which waits.\"\"\"
    pairs = [(await key(item), item) for item in items]
    return max(pairs, key=lambda pair: pair[0])[1] if pairs else max(pairs, **default)
",
    },
];
