# moves: fully
"""Operators that wait, of values and of stores."""
import gevent

from money import Money
from store import Loud, Store


def show(store, key):
    print(key, store[key] if key in store else "missing")


def main():
    a, b = Money(1), Money(2)
    print(a + b, a + b + b, (a + b) * 3, -(a + b))
    print((a + b).amount, -a == Money(-1))
    total = a
    for money in [a, b, b]:
        total = total + money
    print(total)
    store = Store(x=1, y=[1, 2])
    print(store["x"] + 1, store["y"][1])
    store["w"] = {"k": 5}
    print(store["w"]["k"], len(store), sorted(store), store.reads)
    show(store, "x")
    show(store, "q")
    loud = Loud(a="hey")
    print([loud[name] for name in loud], loud["a"].upper(), {n: store[n] for n in ("x",)})
    jobs = [gevent.spawn(lambda n=n: store[n]) for n in "xy"]
    gevent.joinall(jobs)
    print([job.value for job in jobs])
    print(f"{store['x']:>3}|{store['x']!r}", "yes" if store["x"] else "no", not store["x"])
    if store["x"] == 1 and store["y"]:
        print("both", store["x"], *store["y"], sep="-")
    print(any(store[k] == 1 for k in ("x", "y")))


if __name__ == "__main__":
    main()
