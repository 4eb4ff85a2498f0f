# moves: fully
from gevent import monkey
monkey.patch_all()
import threading
import time

events = []


def background():
    try:
        while True:
            time.sleep(0.01)
            events.append("tick")
    finally:
        events.append("stopped")


thread = threading.Thread(target=background, daemon=True)
thread.start()
time.sleep(0.05)


def report():
    print(len(events) >= 2, events[-1], thread.is_alive(), thread.daemon)


report()
