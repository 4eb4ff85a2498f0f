"""What `loopshift verify` adds to pytest: the backend of the tests, and only the tests that are asked for."""

import os

import pytest

_BACKEND = os.environ.get("LOOPSHIFT_BACKEND")
_ONLY = os.environ.get("LOOPSHIFT_VERIFY_ONLY")


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    if not _BACKEND or fixturedef.argname != "anyio_backend":
        return None
    fixturedef.cached_result = (_BACKEND, fixturedef.cache_key(request), None)
    return _BACKEND


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    if not _ONLY:
        return
    from _pytest.junitxml import mangle_test_address

    with open(_ONLY, encoding="utf-8") as file:
        wanted = set(file.read().split("\0"))

    def name(item):
        parts = mangle_test_address(item.nodeid)
        return ".".join(parts[:-1]) + "::" + parts[-1]

    rest = [item for item in items if name(item) not in wanted]
    if len(rest) < len(items):
        config.hook.pytest_deselected(items=rest)
        items[:] = [item for item in items if name(item) in wanted]
