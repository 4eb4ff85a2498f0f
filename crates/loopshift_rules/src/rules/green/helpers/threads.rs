//! Threads of a patched standard library, which are green threads.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[Helper {
    name: "_Thread",
    source: "\
class {name}:
    \"\"\"A function that runs as a task, once it is started.\"\"\"

    _running = {{}}
    _count = {@itertools}.count(1)

    def __init__(self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None):
        if name is None:
            name = f\"Thread-{{next(self._count)}} ({{getattr(target, '__name__', None)}})\"
        self.name = name
        self.daemon = bool(daemon)
        self._call = target, args, kwargs or {{}}
        self._task = None

    @classmethod
    def current(cls):
        return cls._running.get({@asyncio}.current_task()) or cls(name=\"MainThread\")

    async def start(self):
        \"\"\"It runs up to where it first waits before the caller goes on.\"\"\"
        self._task = {@asyncio}.create_task(self._run())
        self._running[self._task] = self
        self._task.add_done_callback(self._running.pop)
        await {@asyncio}.sleep(0)

    async def _run(self):
        target, args, kwargs = self._call
        result = target(*args, **kwargs)
        if {@inspect}.isawaitable(result):
            await result

    async def join(self, timeout=None):
        if not self._task.done():
            await {@asyncio}.wait([self._task], timeout=timeout)

    def is_alive(self):
        return self._task is not None and not self._task.done()
",
}];
