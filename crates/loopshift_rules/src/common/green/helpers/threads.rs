//! Threads of a patched standard library, which are green threads.

use loopshift_python::edit::Helper;

/// The class, with what makes a task of its method.
macro_rules! thread_class {
    ($task:literal) => {
        concat!(
            "\
class {name}:
    \"\"\"A function that runs as a task, once it is started.\"\"\"

    __running = {{}}
    __count = {@itertools}.count(1)

    def __init__(self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None):
        if name is None:
            function = getattr(target, \"__name__\", None)
            name = f\"Thread-{{next(self.__count)}}\" + (f\" ({{function}})\" if function else \"\")
        self.name = name
        self.daemon = bool(daemon)
        self.__call = target, args, kwargs or {{}}
        self.__task = None

    @classmethod
    def current(cls):
        try:
            task = {@asyncio}.current_task()
        except RuntimeError:
            task = None
        return cls.__running.get(task) or cls.__running.setdefault(None, cls(name=\"MainThread\"))

    async def start(self):
        \"\"\"It runs up to where it first waits before the caller goes on.\"\"\"
        self.__task = ",
            $task,
            "
        self.__running[self.__task] = self
        self.__task.add_done_callback(self.__running.pop)
        await {@asyncio}.sleep(0)

    async def __main(self):
        result = self.run()
        if {@inspect}.isawaitable(result):
            await result

    def run(self):
        target, args, kwargs = self.__call
        if target:
            return target(*args, **kwargs)

    async def join(self, timeout=None):
        if not self.__task.done():
            await {@asyncio}.wait([self.__task], timeout=timeout)

    def is_alive(self):
        return self.__task is not None and not self.__task.done()
"
        )
    };
}

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_Thread",
        source: thread_class!("{@asyncio}.create_task(self.__main())"),
    },
    Helper {
        name: "_Timer",
        source: "\
class {name}({#Thread}):
    \"\"\"A function that runs as a task after a while, unless it is cancelled before.\"\"\"

    def __init__(self, interval, function, args=None, kwargs=None):
        super().__init__()
        self.interval = interval
        self.function = function
        self.args = [] if args is None else args
        self.kwargs = {{}} if kwargs is None else kwargs
        self.finished = {@asyncio}.Event()

    def cancel(self):
        self.finished.set()

    async def run(self):
        try:
            await {@asyncio}.wait_for(self.finished.wait(), self.interval)
        except {@asyncio}.TimeoutError:
            pass
        if not self.finished.is_set():
            result = self.function(*self.args, **self.kwargs)
            if {@inspect}.isawaitable(result):
                await result
        self.finished.set()
",
    },
    Helper {
        name: "_to_the_end",
        source: "\
async def {name}(coroutine):
    \"\"\"Wait for it, and for the threads that run then.\"\"\"
    try:
        return await coroutine
    finally:
        while threads := [task for task in {@asyncio}.all_tasks() if task.get_name() == \"thread\"]:
            await {@asyncio}.wait(threads)
",
    },
];

/// The class, where the program waits at its end for those that still run.
pub(crate) static LEFT: Helper = Helper {
    name: "_Thread",
    source: thread_class!(
        "{@asyncio}.create_task(self.__main(), name=\"daemon\" if self.daemon else \"thread\")"
    ),
};
