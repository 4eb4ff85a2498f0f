"""Run a program and print what it cost, as JSON: {"cpu": s, "wall": s, "peak": bytes, "code": n}.

usage: measure.py PROGRAM [ARGUMENT...]

The output of the program is dropped. The peak has a floor of some 10 MiB, which is this interpreter
before it becomes the program.
"""

import json
import os
import sys
import time

started = time.perf_counter()
child = os.fork()
if child == 0:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    finally:
        os._exit(127)
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - started
unit = 1 if sys.platform == "darwin" else 1024
json.dump(
    {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": wall,
        "peak": usage.ru_maxrss * unit,
        "code": os.waitstatus_to_exitcode(status),
    },
    sys.stdout,
)
