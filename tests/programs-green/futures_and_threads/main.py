# moves: fully
"""concurrent.futures and threads under eventlet, with a callback chain."""
import eventlet
eventlet.monkey_patch(os=False)

import concurrent.futures
import threading
import time


class Account:
    def __init__(self, balance):
        self.balance = balance
        self.lock = threading.RLock()

    def add(self, amount):
        with self.lock:
            before = self.balance
            time.sleep(0.002)
            self.balance = before + amount
            return self.check()

    def check(self):
        with self.lock:
            if self.balance < 0:
                raise ValueError("overdrawn")
            return self.balance


def total(executor, account, amounts):
    futures = [executor.submit(account.add, amount) for amount in amounts]
    done, pending = concurrent.futures.wait(futures)
    errors = [future for future in futures if future.exception() is not None]
    return len(done), len(pending), len(errors)


def main():
    account = Account(10)
    log = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=3, thread_name_prefix="w") as executor:
        print(total(executor, account, [5, -3, 4]))
        print(account.balance)
        future = executor.submit(account.add, -100)
        future.add_done_callback(lambda it: log.append(type(it.exception()).__name__))
        try:
            future.result()
        except ValueError as error:
            print("error", error)
        print(list(executor.map(abs, [-1, 2, -3])))
    print(log)
    ready = threading.Event()
    results = []
    thread = threading.Thread(target=lambda: results.append(ready.wait(timeout=1)), daemon=True)
    thread.start()
    timer = threading.Timer(0.01, ready.set)
    timer.start()
    thread.join(timeout=2)
    print(results, thread.is_alive())


if __name__ == "__main__":
    main()
