"""Print the public names of a library, as JSON: {"version": [3, 11], "names": {name: kind}, "signatures": {name: text}}.

usage: names.py asyncio|anyio

A member is listed under the class that defines it, if the library exports that class, else under
each class that has it.
"""

import importlib
import inspect
import json
import pkgutil
import sys
import warnings

warnings.simplefilter("ignore")
ENTERED = ("__aenter__", "__aexit__", "__enter__", "__exit__", "__aiter__", "__anext__", "__await__")


def kind(value):
    if inspect.ismodule(value):
        return "module"
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if callable(value) else "constant"


def member_kind(cls, name):
    static = inspect.getattr_static(cls, name)
    if isinstance(static, property) or inspect.isdatadescriptor(static):
        return "property"
    value = getattr(cls, name)
    if inspect.isclass(value):
        return "class"
    return "method" if callable(value) else "constant"


def signature(value, bound):
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    parameters = list(found.parameters.values())
    if bound and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    return [[p.name, str(p.kind.name), p.default is not p.empty] for p in parameters]


def exported(module):
    public = getattr(module, "__all__", None)
    return public if public is not None else [n for n in dir(module) if not n.startswith("_")]


def main(library):
    root = importlib.import_module(library)
    modules = {library: root}
    if library == "asyncio":
        names = [n for n in dir(root) if not n.startswith("__")]
        found = {n: getattr(root, n) for n in names}
        process = getattr(root.subprocess, "Process")
        found.update({"subprocess.Process": process, "subprocess.PIPE": -1, "subprocess.STDOUT": -2, "subprocess.DEVNULL": -3})
    else:
        for info in pkgutil.walk_packages(root.__path__, f"{library}."):
            # Fixtures and hooks are pytest's business; interpreters need a newer Python.
            if "._" not in info.name and info.name not in ("anyio.pytest_plugin", "anyio.to_interpreter"):
                modules[info.name] = importlib.import_module(info.name)
        found = {}
        for name, module in modules.items():
            prefix = name.removeprefix(library).removeprefix(".")
            for n in exported(module):
                value = getattr(module, n)
                if getattr(value, "__module__", library).startswith(library) and not inspect.ismodule(value):
                    found[f"{prefix}.{n}".removeprefix(".")] = value
        found.update({n.removeprefix(f"{library}."): m for n, m in modules.items() if n != library})
    names, signatures = {}, {}
    classes = {id(v): n for n, v in found.items() if inspect.isclass(v)}
    for name, value in found.items():
        names[f"{library}.{name}"] = kind(value)
        if callable(value):
            signatures[f"{library}.{name}"] = signature(value, False)
        if not inspect.isclass(value) or not str(value.__module__).lstrip("_").startswith((library, "builtins")):
            continue
        for member in dir(value):
            if member.startswith("_") and member not in ENTERED:
                continue
            owner = next((c for c in value.__mro__ if member in c.__dict__), object)
            if owner.__module__.lstrip("_").split(".")[0] != library:
                continue
            full = f"{library}.{name}.{member}"
            names[full] = member_kind(value, member)
            if names[full] == "method":
                static = isinstance(inspect.getattr_static(value, member), (classmethod, staticmethod))
                signatures[full] = signature(getattr(value, member), not static)
    print(json.dumps({"version": list(sys.version_info[:2]), "names": names, "signatures": signatures}))


main(sys.argv[1])
