"""Run a program with AnyIO on one backend: driver.py BACKEND PROGRAM [ARGUMENT...]

The programs call `anyio.run(main)` without saying on what. This puts the backend underneath
`anyio.run` and `anyio.from_thread.start_blocking_portal` before the program starts, and says its
name in PROOF_BACKEND, for what the program starts in turn. BACKEND may be `none`: a plain run; or
`bare`: a run in which gevent, eventlet and greenlet can't be imported. A program that hangs is ended, with what it waits for.
"""

import faulthandler
import os
import runpy
import signal
import sys


def put_underneath(backend):
    import anyio
    import anyio.from_thread

    run, portal = anyio.run, anyio.from_thread.start_blocking_portal

    def run_on_backend(func, *args, backend=backend, backend_options=None):
        return run(func, *args, backend=backend, backend_options=backend_options)

    def portal_on_backend(backend=backend, **options):
        return portal(backend, **options)

    anyio.run = run_on_backend
    anyio.from_thread.start_blocking_portal = portal_on_backend
    os.environ["PROOF_BACKEND"] = backend


class LastFirst:
    """What trio draws its random numbers from, without chance: where its clock starts, and whether it runs tasks that
    are ready at the same time in the order in which they became so, or in the reverse one."""

    def random(self):
        return 1.0  # The reverse one, in which nothing prints the same as on asyncio just because its order is the same.

    def uniform(self, low, high):
        return low


backend, program = sys.argv[1:3]
sys.argv = sys.argv[2:]
sys.path[0] = os.path.dirname(os.path.abspath(program))
if backend == "bare":
    for name in ("gevent", "eventlet", "greenlet"):
        sys.modules[name] = None
elif backend != "none":
    put_underneath(backend)
if backend == "trio":
    import trio._core._run

    trio._core._run._r = LastFirst()
# Who runs the tests in the background may ignore Ctrl-C, and programs inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
faulthandler.dump_traceback_later(300, exit=True)
runpy.run_path(program, run_name="__main__")
