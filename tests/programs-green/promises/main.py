# moves: fully
"""Promises: an operator starts a task, and errors are handed on."""
import gevent

from promise import Promise, all_of, any_of


def delayed(seconds, value):
    gevent.sleep(seconds)
    if isinstance(value, Exception):
        raise value
    return value


def main():
    p = Promise(delayed, 0.05, 20)
    print(p.ready)
    print((p >> (lambda v: v + 1) >> str).get())
    print(p.ready)
    print(all_of(p, Promise(delayed, 0.1, "x"), Promise.resolved(3)).get())
    print(any_of(Promise(delayed, 0.3, "slow"), Promise(delayed, 0.05, "fast")))
    bad = Promise(delayed, 0.05, KeyError("k"))
    print(bad.catch(KeyError, lambda e: f"caught {e}").get())
    try:
        bad.then(print).get()
    except KeyError as error:
        print("through", error)
    try:
        Promise().get(timeout=0.05)
    except gevent.Timeout:
        print("timeout")
    chained = Promise.resolved(1)
    for n in range(3):
        chained = chained.then(lambda v, n=n: delayed(0.05, v + n))
    print(chained.get(1))


if __name__ == "__main__":
    main()
