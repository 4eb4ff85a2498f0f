# moves: fully
from gevent import monkey
monkey.patch_all()
import subprocess
import sys

SLOW = [sys.executable, "-c", "import time; print('x', flush=True); time.sleep(5)"]


def attempt(limit, **options):
    try:
        subprocess.run(SLOW, timeout=limit, **options)
    except subprocess.TimeoutExpired as error:
        return error.timeout
    return None


print(attempt(0.2, stdout=subprocess.DEVNULL))
print(attempt(0.3, capture_output=True))
proc = subprocess.Popen(SLOW, stdout=subprocess.DEVNULL)
try:
    proc.communicate(timeout=0.25)
except subprocess.TimeoutExpired as error:
    print(str(error).split(" after ")[1])
proc.kill()
print(proc.wait() < 0)
