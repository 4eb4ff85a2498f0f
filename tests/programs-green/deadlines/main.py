# moves: fully
"""Timeouts within timeouts, over helpers and modules."""

import gevent
from gevent import Timeout
from net import fetch, Slow, guarded
from retry import retry


def slow():
    return fetch("d", 0.2, limit=0.01)


def main():
    print(fetch("a", 0.001, limit=0.8))
    print(fetch("b", 0.2, limit=0.01))
    try:
        with Timeout(0.05) as outer:
            print(fetch("c", 2, limit=1))
    except Timeout as t:
        print("outer", t is outer, t)
    try:
        guarded(0.2)
    except Slow as error:
        print("slow:", error)
    print(retry(slow, 2))
    total = Timeout.start_new(0.1)
    try:
        while True:
            gevent.sleep(0.01)
    except Timeout as t:
        if t is not total:
            raise
        print("total over", t.seconds)
    finally:
        total.cancel()
    with Timeout(0.01, False):
        try:
            gevent.sleep(1)
        except Exception:
            print("never")
        finally:
            print("finally")
    print(gevent.with_timeout(0.01, gevent.sleep, 1, timeout_value="late"))
    try:
        with Timeout(0.01, "my text"):
            gevent.sleep(1)
    except Timeout as t:
        print(str(t))
    print("end")


if __name__ == "__main__":
    main()
