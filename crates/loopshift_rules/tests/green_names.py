"""Print the public names of gevent or eventlet, as JSON: {"version": [26, 9], "names": {name: kind}, "signatures": …,
"missing": […]}.

usage: green_names.py gevent|eventlet < NAMES

The names read are looked for; those that are not there are "missing". A module that can't be imported here, for want of
another package or another Python, is left out, and so are the library's own tests.
"""

import importlib
import importlib.metadata
import inspect
import json
import pkgutil
import sys
import textwrap
import warnings

warnings.simplefilter("ignore")
ENTERED = ("__aenter__", "__aexit__", "__enter__", "__exit__", "__await__", "__bool__", "__call__", "__contains__",
           "__getitem__", "__iter__", "__len__", "__next__", "__setitem__")
TESTS = ("gevent.tests", "gevent.testing", "eventlet.zipkin.example", "eventlet.zipkin._thrift")


# What `__init__` sets is seen on an object only.
OBJECTS = {
    "gevent": """
        from gevent import fileobject, pool, pywsgi, server, subprocess
        stream = server.StreamServer(("127.0.0.1", 0), print)
        stream.start()
        child = subprocess.Popen(["true"])
        child.wait()
        made = [pool.Group(), pool.Pool(1), stream, pywsgi.WSGIServer(("127.0.0.1", 0), print), child,
                fileobject.FileObjectBlock(0, closefd=False)]
        """,
    "eventlet": """
        from eventlet import coros, dagpool, greenio, hubs, pools, queue, websocket
        from eventlet.green import subprocess
        child = subprocess.Popen(["true"])
        child.wait()
        made = [eventlet.GreenPool(), eventlet.GreenPile(), eventlet.Queue(), queue.LightQueue(), pools.TokenPool(),
                greenio.GreenSocket(), eventlet.Semaphore(), eventlet.BoundedSemaphore(), eventlet.Timeout(),
                coros.metaphore(), hubs.get_hub(), websocket.WebSocket(None, {}), dagpool.PropagateError(1, None), child]
        """,
}


def objects(library):
    """Objects by their classes and the bases of these."""
    namespace = {library: importlib.import_module(library)}
    exec(textwrap.dedent(OBJECTS[library]), namespace)
    return {cls: value for value in reversed(namespace["made"]) for cls in type(value).__mro__[:-1]}


def modules(library):
    root = importlib.import_module(library)
    found = {library: root}
    for info in pkgutil.walk_packages(root.__path__, f"{library}.", onerror=lambda name: None):
        if "._" in info.name or info.name.startswith(TESTS):
            continue
        try:
            found[info.name] = importlib.import_module(info.name)
        except Exception:
            continue
    return found


def is_own(value, library):
    # Compiled modules have a name with an underscore before it.
    return (getattr(value, "__module__", None) or "").lstrip("_").split(".")[0] in (library, "greenlet")


def exported(module, library):
    """What the module says is public, and what it defines. Of modules without `__all__`, what they only imported is not."""
    public = getattr(module, "__all__", None)
    names = {name for name in dir(module) if not name.startswith("_")}
    own = {name for name in names if getattr(getattr(module, name, None), "__module__", None) == module.__name__}
    if public is not None:
        return own | {name for name in public if hasattr(module, name)}
    plain = {name for name in names if getattr(getattr(module, name, None), "__module__", None) is None}
    return own | plain | {name for name in names if is_own(getattr(module, name, None), library)}


def kind(value):
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


def signature(value):
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return None
    if parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    return [[p.name, str(p.kind.name), p.default is not p.empty] for p in parameters]


def is_there(name, made):
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:split]))
        except Exception:
            continue
        for part in parts[split:]:
            if not hasattr(value, part) and inspect.isclass(value):
                value = made.get(value)
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


def main(library):
    names, signatures = {}, {}
    for prefix, module in modules(library).items():
        names[prefix] = "module"
        for name in exported(module, library):
            value = getattr(module, name)
            full = f"{prefix}.{name}"
            if inspect.ismodule(value):
                continue
            names[full] = kind(value)
            if callable(value):
                signatures[full] = signature(value)
            if not inspect.isclass(value) or not is_own(value, library):
                continue
            for member in dir(value):
                if member.startswith("_") and member not in ENTERED:
                    continue
                owner = next((c for c in value.__mro__ if member in c.__dict__), object)
                if owner.__module__.lstrip("_").split(".")[0] != library:
                    continue
                names[f"{full}.{member}"] = member_kind(value, member)
                if names[f"{full}.{member}"] == "method":
                    signatures[f"{full}.{member}"] = signature(getattr(value, member))
    version = [int(part) for part in importlib.metadata.version(library).split(".")[:2]]
    made = objects(library)
    missing = [name for name in sys.stdin.read().split() if not is_there(name, made)]
    print(json.dumps({"version": version, "names": names, "signatures": signatures, "missing": missing}))


main(sys.argv[1])
