"""Loaded by every Python that `loopshift verify` starts: it keeps imports in the copy, and chooses AnyIO's backend."""

import atexit
import os
import sys

_TREE = os.environ["LOOPSHIFT_VERIFY_TREE"]
_COPY = os.environ["LOOPSHIFT_VERIFY_COPY"]
_NOTES = os.environ["LOOPSHIFT_VERIFY_NOTES"]
_BACKEND = os.environ.get("LOOPSHIFT_BACKEND")


def _in_copy(path):
    """The path in the copy, of what has one there: a folder of packages of the tree itself is not copied."""
    real = os.path.realpath(path)
    if real == _TREE or real.startswith(_TREE + os.sep):
        moved = _COPY + real[len(_TREE):]
        if os.path.exists(moved):
            return moved
    return path


def _keep_imports_in_the_copy():
    # What is installed for editing is imported from the tree, by its path or by a finder with a table.
    sys.path[:] = [_in_copy(path) if path else path for path in sys.path]
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__") and isinstance(getattr(module, "MAPPING", None), dict):
            for package, path in module.MAPPING.items():
                module.MAPPING[package] = _in_copy(path)


def _tell_what_came_from_the_tree():
    found = set()
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and _in_copy(path) != path:
            found.add(path)
    if found:
        with open(_NOTES, "a", encoding="utf-8") as notes:
            notes.writelines(path + "\n" for path in sorted(found))


class _Backend:
    """Makes the chosen backend the one that AnyIO takes where none is given."""

    def find_spec(self, name, path=None, target=None):
        if name not in ("anyio._core._eventloop", "anyio.from_thread"):
            return None
        import importlib.machinery

        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        loader = spec.loader
        execute = loader.exec_module

        def exec_module(module):
            execute(module)
            if name == "anyio._core._eventloop":
                module.run.__kwdefaults__["backend"] = _BACKEND
            else:
                portal = module.start_blocking_portal.__wrapped__
                portal.__defaults__ = (_BACKEND, *portal.__defaults__[1:])

        loader.exec_module = exec_module
        return spec


def _go_on_with_the_next():
    """Another `sitecustomize` would have been loaded without this one."""
    import importlib.machinery
    import importlib.util

    own = os.path.dirname(os.path.abspath(__file__))
    rest = [path for path in sys.path if os.path.abspath(path) != own]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_keep_imports_in_the_copy()
atexit.register(_tell_what_came_from_the_tree)
if _BACKEND:
    sys.meta_path.insert(0, _Backend())
_go_on_with_the_next()
