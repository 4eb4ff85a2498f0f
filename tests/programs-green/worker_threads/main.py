# moves: fully
import functools
from gevent import monkey
monkey.patch_all()
import threading
import time
import queue


class ThreadPool:
    class Worker(threading.Thread):
        def __init__(self, tasks):
            threading.Thread.__init__(self)
            self.tasks = tasks
            self.daemon = True
            self.start()

        def run(self):
            while True:
                func, args, kwargs = self.tasks.get()
                try:
                    func(*args, **kwargs)
                except Exception as e:
                    print("error:", e)
                finally:
                    self.tasks.task_done()

    def __init__(self, n):
        self.tasks = queue.Queue(n)
        self.workers = [ThreadPool.Worker(self.tasks) for _ in range(n)]

    def add_task(self, func, *args, **kwargs):
        self.tasks.put((func, args, kwargs))

    def wait_completion(self):
        self.tasks.join()


results = {}
lock = threading.RLock()


def crunch(n, power=2):
    time.sleep(0.005 * n)
    with lock:
        results[n] = n ** power


def main():
    pool = ThreadPool(3)
    cube = functools.partial(crunch, power=3)
    for n in range(1, 6):
        pool.add_task(cube if n % 2 else crunch, n)
    pool.add_task(int, "nope")
    pool.wait_completion()
    print(sorted(results.items()))


if __name__ == "__main__":
    main()
