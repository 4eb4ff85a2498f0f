//! Limits of time.

use loopshift_python::edit::Helper;

/// The timeout of gevent.
pub(crate) const GEVENT: Helper = Helper {
        name: "_Timeout",
        source: "\
class {name}(BaseException):
    \"\"\"A limit of time. It comes as a cancellation, in place of which `with` raises it, or the exception it was given.\"\"\"

    def __init__(self, seconds=None, exception=None):
        super().__init__()
        self.seconds = seconds
        self.exception = exception
        self._timer = None

    @classmethod
    def start_new(cls, timeout=None, exception=None):
        if not isinstance(timeout, {name}):
            timeout = cls(timeout, exception)
        if not timeout.pending:
            timeout.start()
        return timeout

    @property
    def pending(self):
        return self._timer is not None

    @staticmethod
    def raised():
        \"\"\"The block in which timeouts are raised that began outside of it.\"\"\"
        return {name}()

    def start(self):
        assert not self.pending, f\"{{self!r}} is already started; to restart it, cancel it first\"
        if self.seconds is not None:
            task = {@asyncio}.current_task()
            self._timer = {@asyncio}.get_running_loop().call_later(self.seconds, self._expire, task)

    def _expire(self, task):
        self._timer = None
        task.cancel(self)

    def cancel(self):
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    close = cancel

    def __enter__(self):
        if not self.pending:
            self.start()
        return self

    def __exit__(self, kind, error, trace):
        self.cancel()
        timeout = error.args[0] if kind is {@asyncio}.CancelledError and error.args else None
        if isinstance(timeout, {name}):
            task = {@asyncio}.current_task()
            if hasattr(task, \"uncancel\"):
                task.uncancel()
            error = timeout._raised()
            if error is not self or self.exception is not False:
                raise error from None
        return error is self and self.exception is False

    def _raised(self):
        if self.exception is None or self.exception is False or isinstance(self.exception, str):
            return self
        return self.exception

    def __str__(self):
        if self.seconds is None:
            return \"\"
        text = f\"{{self.seconds}} second\" + \"s\" * (self.seconds != 1)
        if self.exception is None:
            return text
        return f\"{{text}} (silent)\" if self.exception is False else f\"{{text}}: {{self.exception}}\"
",
    };

/// The timeout of eventlet.
pub(crate) const EVENTLET: Helper = Helper {
        name: "_Timeout",
        source: "\
class {name}(BaseException):
    \"\"\"A limit of time. It comes as a cancellation, in place of which `with` raises it, or the exception it was given.\"\"\"

    def __init__(self, seconds=None, exception=None):
        super().__init__()
        self.seconds = seconds
        self.exception = exception
        self._timer = None
        self.start()

    @property
    def pending(self):
        return self._timer is not None

    @staticmethod
    def raised():
        \"\"\"The block in which timeouts are raised that began outside of it.\"\"\"
        return {name}()

    def start(self):
        assert not self.pending, f\"{{self!r}} is already started; to restart it, cancel it first\"
        if self.seconds is not None:
            task = {@asyncio}.current_task()
            self._timer = {@asyncio}.get_running_loop().call_later(self.seconds, self._expire, task)
        return self

    def _expire(self, task):
        self._timer = None
        task.cancel(self)

    def cancel(self):
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self):
        if not self.pending:
            self.start()
        return self

    def __exit__(self, kind, error, trace):
        self.cancel()
        timeout = error.args[0] if kind is {@asyncio}.CancelledError and error.args else None
        if isinstance(timeout, {name}):
            task = {@asyncio}.current_task()
            if hasattr(task, \"uncancel\"):
                task.uncancel()
            error = timeout._raised()
            if error is not self or self.exception is not False:
                raise error from None
        return error is self and self.exception is False

    def _raised(self):
        return self if self.exception is None or isinstance(self.exception, bool) else self.exception

    def __str__(self):
        if self.seconds is None:
            return \"\"
        text = f\"{{self.seconds}} second\" + \"s\" * (self.seconds != 1)
        if self.exception is None or self.exception is True:
            return text
        return f\"{{text}} (silent)\" if self.exception is False else f\"{{text}} ({{self.exception}})\"
",
    };

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_with_timeout",
        source: "\
async def {name}(seconds, function, /, *args, timeout_value, **kwargs):
    \"\"\"What a function gives, or another value where that takes too long.\"\"\"
    try:
        async with {@asyncio}.timeout(seconds) as scope:
            return await function(*args, **kwargs)
    except TimeoutError:
        if not scope.expired():
            raise
        return timeout_value
",
    },
    Helper {
        name: "_limited",
        source: "\
async def {name}(timeout, function, /, *args, **kwargs):
    \"\"\"What a function gives; after a timeout `timeout_value`, where that is given.\"\"\"
    given = \"timeout_value\" in kwargs
    value = kwargs.pop(\"timeout_value\", None)
    try:
        with timeout:
            result = function(*args, **kwargs)
            return await result if {@inspect}.isawaitable(result) else result
    except type(timeout) as error:
        if error is not timeout or not given:
            raise
        return value
",
    },
];
