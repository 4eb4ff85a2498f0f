"""Runs a program and prints the calls that it really made, as `loopshift graph` names them.

usage: python3.12 trace.py FOLDER

FOLDER holds main.py and what it imports. The program runs with `__name__ == "__main__"`. Calls are
recorded with sys.monitoring: CALL shows what a call expression calls, PY_START what runs without one
(protocols, properties, callbacks of builtins). Python code outside the folder is not followed.
"""

import importlib.machinery
import importlib.util
import json
import pathlib
import sys
import types

ROOT = pathlib.Path(sys.argv[1]).resolve()
EDGES = set()
NAMES = {}
TRANSPARENT = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def module_of(path):
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def name_code(code, prefix, lambdas):
    """Names the functions within a code object; comprehensions and class bodies belong to what is around them."""
    for const in code.co_consts:
        if not isinstance(const, types.CodeType):
            continue
        if const.co_name in TRANSPARENT:
            NAMES[const] = NAMES[code]
            name_code(const, prefix, lambdas)
        elif const.co_name == "<lambda>":
            lambdas[0] += 1
            NAMES[const] = f"{prefix}.<lambda{lambdas[0]}>"
            name_code(const, NAMES[const], [0])
        elif "__qualname__" in const.co_names and "__module__" in const.co_names and not const.co_flags & 2:
            NAMES[const] = NAMES[code]
            name_code(const, f"{prefix}.{const.co_name}", [0])
        else:
            NAMES[const] = f"{prefix}.{const.co_name}"
            name_code(const, NAMES[const], [0])


def load(path):
    code = compile(path.read_text(), str(path), "exec", dont_inherit=True)
    NAMES[code] = module_of(path)
    name_code(code, NAMES[code], [0])
    return code


class Loader:
    """Imports from the folder with the very code objects that were named."""

    def find_spec(self, name, path=None, target=None):
        base = ROOT.joinpath(*name.split("."))
        for file in (base / "__init__.py", base.with_suffix(".py")):
            if file.is_file():
                spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(base)] if file.name == "__init__.py" else None)
                spec.loader = self
                return spec
        if base.is_dir():
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(base)]
            return spec
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(load(pathlib.Path(module.__spec__.origin)), module.__dict__)


# What only marks a definition is no call that a reader would look for.
MARKS = {"__build_class__", "property", "staticmethod", "classmethod", "property.setter", "property.deleter"}


def external(module, name):
    if "<locals>" in name or (module == "builtins" and name in MARKS):
        return None
    return f"<builtin>.{name}" if module in ("builtins", None) else f"{module}.{name}"


def describe(callable_):
    """The name of what a call expression calls; None where PY_START shows it better."""
    if isinstance(callable_, types.MethodType):
        callable_ = callable_.__func__
    if isinstance(callable_, types.FunctionType):
        if callable_.__code__ in NAMES:
            if callable_.__code__.co_name in TRANSPARENT:
                return None
            return NAMES[callable_.__code__]
        return external(callable_.__module__, callable_.__qualname__)
    if isinstance(callable_, type):
        if callable_.__module__ in OWN:
            return None
        return external(callable_.__module__, callable_.__qualname__)
    if isinstance(callable_, (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)):
        owner = getattr(callable_, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType):
            owner = owner if isinstance(owner, type) else type(owner)
            return None if owner.__module__ in OWN else external(owner.__module__, f"{owner.__qualname__}.{callable_.__name__}")
        return external(callable_.__module__ if hasattr(callable_, "__module__") else callable_.__objclass__.__module__, callable_.__qualname__)
    return None


OWN = set()
mon = sys.monitoring


def on_call(code, offset, callable_, arg0):
    if code in NAMES:
        if isinstance(callable_, types.MethodDescriptorType) and arg0 is not mon.MISSING:
            callee = external(type(arg0).__module__, f"{type(arg0).__qualname__}.{callable_.__name__}")
            callee = None if type(arg0).__module__ in OWN else callee
        else:
            callee = describe(callable_)
        if callee:
            EDGES.add((NAMES[code], callee))


def on_start(code, offset):
    if code not in NAMES or code.co_name in TRANSPARENT:
        return
    # Generators and coroutines start when they are first resumed, which shows the caller only for protocols.
    if code.co_flags & 0x2A0 and not code.co_name.startswith("__"):
        return
    frame = sys._getframe(1)
    caller = frame.f_back
    if caller is not None and caller.f_code in NAMES and frame.f_code is code:
        if code.co_flags & 2:  # a function, not the body of a class
            EDGES.add((NAMES[caller.f_code], NAMES[code]))


def main():
    sys.meta_path.insert(0, Loader())
    for path in sorted(ROOT.rglob("*.py")):
        OWN.add(module_of(path))
    OWN.add("__main__")
    mon.use_tool_id(mon.PROFILER_ID, "trace")
    mon.register_callback(mon.PROFILER_ID, mon.events.CALL, on_call)
    mon.register_callback(mon.PROFILER_ID, mon.events.PY_START, on_start)
    module = types.ModuleType("__main__")
    module.__file__ = str(ROOT / "main.py")
    sys.modules["__main__"] = module
    sys.modules["main"] = module
    code = load(ROOT / "main.py")
    stdout, sys.stdout = sys.stdout, sys.stderr
    mon.set_events(mon.PROFILER_ID, mon.events.CALL | mon.events.PY_START)
    try:
        exec(code, module.__dict__)
    finally:
        mon.set_events(mon.PROFILER_ID, 0)
        sys.stdout = stdout
    graph = {}
    for caller, callee in EDGES:
        graph.setdefault(caller, set()).add(callee)
    print(json.dumps({caller: sorted(callees) for caller, callees in sorted(graph.items())}, indent=1))


main()
