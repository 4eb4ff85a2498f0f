# moves: fully
"""What a pool makes of many arguments."""

import eventlet
from functools import partial


def power(base, exponent, mod=None):
    eventlet.sleep(0.01)
    return pow(base, exponent, mod) if mod else base ** exponent


def check(n):
    if n % 2:
        raise ValueError(n)
    eventlet.sleep(0)
    return n


def main():
    pool = eventlet.GreenPool(3)
    print(list(pool.starmap(power, [(2, 3), (3, 2), (10, 2)])))
    print([x for x in pool.imap(partial(power, 2), range(4))])
    print(sorted(pool.imap(lambda x: -x, [3, 1, 2])))
    try:
        for value in pool.imap(check, [0, 2, 3, 4]):
            print(value)
    except ValueError as error:
        print("stopped by", error)
    results = pool.imap(check, [0, 1, 2])
    while True:
        try:
            print("next", next(results))
        except StopIteration:
            break
        except ValueError as error:
            print("skip", error)
    print(max(pool.imap(len, ["a", "bbb"])))


if __name__ == "__main__":
    main()
