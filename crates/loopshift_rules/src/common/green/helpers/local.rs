//! What each task has for itself.

use loopshift_python::edit::Helper;

/// The class, with the method that says what an attribute is kept for.
macro_rules! local_class {
    ($task:expr) => {
        concat!(
            "\
class {name}:
    \"\"\"Attributes that each task has for itself. `__init__` of a subclass runs anew for each.\"\"\"

    __slots__ = (\"_arguments\", \"_tasks\", \"__dict__\")

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        object.__setattr__(self, \"_arguments\", (args, kwargs))
        object.__setattr__(self, \"_tasks\", {@weakref}.WeakKeyDictionary({{cls._task(): {{}}}}))
        return self

",
            $task,
            "
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
"
        )
    };
}

pub(super) const HELPERS: &[Helper] = &[
    Helper {
        name: "_Local",
        source: local_class!(
            "    @classmethod
    def _task(cls):
        try:
            return {@asyncio}.current_task() or cls
        except RuntimeError:
            return cls
"
        ),
    },
    Helper {
        name: "_as_main",
        source: "\
async def {name}(coroutine):
    \"\"\"Go on with what the modules have set for themselves.\"\"\"
    {@asyncio}.current_task().set_name(\"main\")
    return await coroutine
",
    },
];

/// The class, where modules set attributes while they are loaded: these are those of the task that runs `main`.
pub(crate) static LOADED: Helper = Helper {
    name: "_Local",
    source: local_class!(
        "    @classmethod
    def _task(cls):
        try:
            task = {@asyncio}.current_task()
        except RuntimeError:
            return cls
        return cls if task is None or task.get_name() == \"main\" else task
"
    ),
};
