//! What gevent's hub had, and an event loop has in other words.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_LoopTimer",
        source: "\
class {name}:
    \"\"\"Calls a function after some time, and then again and again where it is told to.\"\"\"

    def __init__(self, after, repeat=0.0):
        self._after, self._repeat = after, repeat
        self._handle = None

    @property
    def active(self):
        return self._handle is not None

    def start(self, callback, *args):
        self._wait(self._after, callback, args)

    def again(self, callback, *args):
        self.stop()
        self._wait(self._repeat, callback, args)

    def _wait(self, seconds, callback, args):
        loop = {@asyncio}.get_running_loop()
        self._handle = loop.call_later(seconds, self._call, callback, args)

    def _call(self, callback, args):
        self._handle = None
        if self._repeat:
            self._wait(self._repeat, callback, args)
        callback(*args)

    def stop(self):
        if self._handle is not None:
            self._handle.cancel()
        self._handle = None

    close = stop
",
    },
    Helper {
        name: "_Wakeup",
        source: "\
class {name}:
    \"\"\"Calls a function in the event loop when a thread asks for it.\"\"\"

    def __init__(self):
        self._loop = {@asyncio}.get_running_loop()
        self._call = None
        self._asked = False

    def start(self, callback, *args):
        self._call = {@functools}.partial(callback, *args)

    def send(self):
        if not self._asked:
            self._asked = True
            self._loop.call_soon_threadsafe(self._run)

    def _run(self):
        self._asked = False
        if self._call is not None:
            self._call()

    def stop(self):
        self._call = None

    close = stop
",
    },
    Helper {
        name: "_report_errors",
        source: "\
def {name}(report):
    \"\"\"Tell of the error of each task as soon as it ends.\"\"\"

    async def run(coroutine):
        try:
            return await coroutine
        except Exception as error:
            report({@asyncio}.current_task(), type(error), error, error.__traceback__)
            raise

    def start(loop, coroutine, **options):
        return {@asyncio}.Task(run(coroutine), loop=loop, **options)

    {@asyncio}.get_running_loop().set_task_factory(start)
",
    },
];
