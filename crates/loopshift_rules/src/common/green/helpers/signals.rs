//! Handlers of signals.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_Signal",
        source: "\
class {name}:
    \"\"\"Calls a function on each signal, after those that were there before, in a task of its own where it waits.\"\"\"

    _all = {{}}

    def __init__(self, number, function, /, *args, **kwargs):
        self._number = number
        self._call = {@functools}.partial(function, *args, **kwargs)
        self._running = set()
        self._loop = {@asyncio}.get_running_loop()
        self._same = self._all.setdefault((self._loop, number), [])
        self._same.append(self)
        self._loop.add_signal_handler(number, self._arrived)

    def _arrived(self):
        for one in self._same:
            self._loop.call_soon(one._handle)

    def _handle(self):
        result = self._call()
        if {@inspect}.isawaitable(result):
            task = {@asyncio}.ensure_future(result)
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def cancel(self):
        if self in self._same:
            self._same.remove(self)
        if not self._same:
            self._loop.remove_signal_handler(self._number)
",
    },
    Helper {
        name: "_in_loop",
        source: "\
def {name}(handler):
    \"\"\"A handler of signals that the event loop calls, where one runs.\"\"\"

    def call(*args):
        try:
            loop = {@asyncio}.get_running_loop()
        except RuntimeError:
            handler(*args)
        else:
            loop.call_soon_threadsafe(handler, *args)

    return call
",
    },
];
