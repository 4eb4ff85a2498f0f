# moves: fully
import sys
import gevent

from gevent import sleep

total = 0
names = []


def add(n):
    global total
    sleep(0.001)
    total += n
    names.append(str(n))


for n in (1, 2):
    add(n)

print("total", total)
workers = [gevent.spawn(add, n) for n in (3, 4)]
gevent.joinall(workers)
print("total", total, ",".join(names))


def report():
    print("report", total, len(workers))


report()
