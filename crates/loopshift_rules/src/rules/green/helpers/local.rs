//! What each task has for itself.

use loopshift_python::edit::Helper;

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_Local",
        source: "\
class {name}:
    \"\"\"Attributes that each task has for itself. `__init__` of a subclass runs anew for each.\"\"\"

    __slots__ = (\"_arguments\", \"_tasks\", \"__dict__\")

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        object.__setattr__(self, \"_arguments\", (args, kwargs))
        object.__setattr__(self, \"_tasks\", {@weakref}.WeakKeyDictionary({{cls._task(): {{}}}}))
        return self

    @classmethod
    def _task(cls):
        try:
            return {@asyncio}.current_task() or cls
        except RuntimeError:
            return cls

    def _enter(self):
        cls = type(self)
        task = cls._task()
        tasks = object.__getattribute__(self, \"_tasks\")
        if task not in tasks:
            tasks[task] = {{}}
            args, kwargs = object.__getattribute__(self, \"_arguments\")
            cls.__init__(self, *args, **kwargs)
        object.__setattr__(self, \"__dict__\", tasks[task])

    def __getattribute__(self, name):
        {name}._enter(self)
        return super().__getattribute__(name)

    def __setattr__(self, name, value):
        {name}._enter(self)
        super().__setattr__(name, value)

    def __delattr__(self, name):
        {name}._enter(self)
        super().__delattr__(name)
",
    },
];
