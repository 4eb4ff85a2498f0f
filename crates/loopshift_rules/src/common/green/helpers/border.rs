//! What leads from green threads that stay to what became async.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_green",
        source: "\
def {name}(function):
    \"\"\"An async function as one for green threads.\"\"\"

    @{@functools}.wraps(function)
    def run(*args, **kwargs):
        return {@eventlet.asyncio:spawn_for_awaitable}(function(*args, **kwargs)).wait()

    return run
",
    },
    Helper {
        name: "_green_waited",
        source: "\
def {name}(function):
    \"\"\"An async function as one for green threads: what ends the wait ends it, too.\"\"\"

    @{@functools}.wraps(function)
    def run(*args, **kwargs):
        thread = {@eventlet.asyncio:spawn_for_awaitable}(function(*args, **kwargs))
        try:
            return thread.wait()
        finally:
            thread.kill()

    return run
",
    },
    Helper {
        name: "_waited",
        source: "\
def {name}(coroutine):
    \"\"\"Wait for a coroutine in a green thread: what ends the wait ends it, too.\"\"\"
    thread = {@eventlet.asyncio:spawn_for_awaitable}(coroutine)
    try:
        return thread.wait()
    finally:
        thread.kill()
",
    },
];
