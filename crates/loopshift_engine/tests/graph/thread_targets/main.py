import threading
from concurrent.futures import ThreadPoolExecutor

class Worker(threading.Thread):
    def __init__(self, job):
        super().__init__()
        self.job = job

    def run(self):
        self.job()

def job(): pass
def other(x): return x

w = Worker(job)
w.start()
w.join()
t = threading.Thread(target=job)
t.start()
t.join()
with ThreadPoolExecutor() as ex:
    f = ex.submit(other, 1)
    f.result()
lock = threading.Lock()
with lock:
    job()
