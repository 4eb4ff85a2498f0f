# moves: fully
"""The last thing that the program does wakes a green thread, which never runs again."""
import eventlet
from eventlet.event import Event

from waiting import Waiter

opened = Event()
waiter = Waiter(opened)
waiter.start()
eventlet.sleep(0.05)
print("opening")
opened.send("late")
