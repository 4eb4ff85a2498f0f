# moves: fully
import gevent
from gevent.queue import JoinableQueue
from gevent.pool import Pool
from gevent import Timeout


def produce(queue, n):
    for i in range(n):
        queue.put(i)
        gevent.sleep(0.001)


def consume(queue, out):
    while True:
        item = queue.get()
        try:
            gevent.sleep(0.002)
            out.append(item)
        finally:
            queue.task_done()


def main():
    queue = JoinableQueue(maxsize=2)
    out = []
    consumers = [gevent.spawn(consume, queue, out) for _ in range(2)]
    gevent.spawn(produce, queue, 6).join()
    queue.join()
    gevent.killall(consumers)
    print(sorted(out), all(c.dead for c in consumers))
    with Timeout(0.02, False):
        gevent.sleep(1)
        print("never")
    try:
        with Timeout(0.01):
            gevent.sleep(1)
    except Timeout:
        print("timeout")


if __name__ == "__main__":
    main()
