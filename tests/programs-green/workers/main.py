# moves: fully
from gevent import monkey

monkey.patch_all()

import queue
import threading
import time


class Worker(threading.Thread):
    def __init__(self, number, jobs, results):
        super().__init__(name=f"worker-{number}")
        self.number = number
        self.jobs = jobs
        self.results = results

    def run(self):
        while True:
            job = self.jobs.get()
            if job is None:
                break
            time.sleep(0.01 * job)
            with lock:
                self.results.append((self.number, job))


lock = threading.Lock()
done = threading.Event()


def watch(results, count):
    while len(results) < count:
        time.sleep(0.005)
    done.set()


def main():
    jobs = queue.Queue()
    results = []
    workers = [Worker(n, jobs, results) for n in range(2)]
    watcher = threading.Thread(target=watch, args=(results, 4), daemon=True)
    watcher.start()
    for worker in workers:
        worker.start()
    for job in (1, 2, 3, 1):
        jobs.put(job)
    for _ in workers:
        jobs.put(None)
    for worker in workers:
        worker.join()
    print(done.wait(1), sorted(job for _, job in results))
    watcher.join(timeout=1)
    print(watcher.is_alive(), workers[0].name)


if __name__ == "__main__":
    main()
