//! Where code that is async and code that is not meet: functions that wait and can't be async, and objects that block.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    BRIDGE,
    CALL_IN_THREAD,
    COMMUNICATE,
    IN_THREADS,
    WAIT_PROCESS,
];

/// What a process writes, where the wait for it may be cut short: no thread goes on with it then.
const COMMUNICATE: Helper = Helper {
    name: "_communicate",
    source: "\
async def {name}(process, input=None):
    \"\"\"Read what a process writes, a little at a time.\"\"\"
    while True:
        try:
            return process.communicate(timeout=0.001)
        except {@subprocess}.TimeoutExpired:
            pass
        await {@asyncio}.sleep(0.005)
",
};

/// The end of a process, where the wait for it may be cut short.
const WAIT_PROCESS: Helper = Helper {
    name: "_wait_process",
    source: "\
async def {name}(process):
    \"\"\"Wait until a process has ended; its code.\"\"\"
    while process.poll() is None:
        await {@asyncio}.sleep(0.005)
    return process.returncode
",
};

/// A call that blocks, of which as many may run at once as are made: the threads of asyncio's own are few.
const CALL_IN_THREAD: Helper = Helper {
    name: "_call_in_thread",
    source: "\
async def {name}(function, /, *args, **kwargs):
    \"\"\"Call a function in a thread of its own, for which nobody waits where this is cut short.\"\"\"
    loop = {@asyncio}.get_running_loop()
    done = loop.create_future()

    def settle(outcome, value):
        if not done.done():
            outcome(value)

    def run():
        try:
            outcome = done.set_result, function(*args, **kwargs)
        except BaseException as error:
            outcome = done.set_exception, error
        with {@contextlib}.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, *outcome)

    {@threading}.Thread(target=run, daemon=True).start()
    return await done
",
};

/// A context manager that blocks when it is left, as one that waits for threads.
const IN_THREADS: Helper = Helper {
    name: "_in_threads",
    source: "\
@{@contextlib}.asynccontextmanager
async def {name}(manager):
    \"\"\"Enters a context manager in a thread, and leaves it in one.\"\"\"
    value = await {@asyncio}.to_thread(manager.__enter__)
    try:
        yield value
    except BaseException as error:
        if not await {@asyncio}.to_thread(manager.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await {@asyncio}.to_thread(manager.__exit__, None, None, None)
",
};

const BRIDGE: Helper = Helper {
    name: "_Bridge",
    source: "\
class {name}:
    \"\"\"Runs a function that waits and is not async, in a thread that takes turns with the event loop.\"\"\"

    _here = {@threading}.local()

    @classmethod
    async def run(cls, function, /, *args, **kwargs):
        \"\"\"Call the function. The event loop stands still, but for what the function waits for.\"\"\"
        asked, answered = {@queue}.SimpleQueue(), {@queue}.SimpleQueue()

        def call():
            cls._here.asked, cls._here.answered = asked, answered
            try:
                asked.put((None, function(*args, **kwargs), None))
            except BaseException as error:
                asked.put((None, None, error))

        {@threading}.Thread(target={@contextvars}.copy_context().run, args=(call,), daemon=True).start()
        while True:
            coroutine, result, error = asked.get()
            if error is not None:
                raise error
            if coroutine is None:
                return result
            try:
                answer = await coroutine, None
            except BaseException as error:
                answer = None, error
            answered.put(answer)

    @classmethod
    def wait(cls, coroutine):
        \"\"\"Wait for a coroutine, in such a function: it runs in the event loop, and this thread stands still.\"\"\"
        cls._here.asked.put((coroutine, None, None))
        result, error = cls._here.answered.get()
        if error is not None:
            raise error
        return result
",
};
