//! Threads of a patched standard library, which are green threads.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[Helper {
    name: "_Thread",
    source: "\
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
        return cls.__running.get({@asyncio}.current_task()) or cls(name=\"MainThread\")

    async def start(self):
        \"\"\"It runs up to where it first waits before the caller goes on.\"\"\"
        self.__task = {@asyncio}.create_task(self.__main())
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
",
}];
