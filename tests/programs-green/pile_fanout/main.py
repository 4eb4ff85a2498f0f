# moves: fully
"""Results of a pile, in the order in which its work was started."""

from eventlet import GreenPile, GreenPool, sleep


def compute(x, factor=2):
    sleep(0.05 * (5 - x))
    return x * factor


def fan_out(values):
    pile = GreenPile(3)
    for value in values:
        pile.spawn(compute, value, factor=10)
    return list(pile)


def shared(values):
    pool = GreenPool(size=2)
    first = GreenPile(pool)
    second = GreenPile(pool)
    for value in values:
        first.spawn(compute, value)
        second.spawn(compute, value, 3)
    total = 0
    for a, b in zip(first, second):
        total += a + b
    return total


def sum_up(values):
    pool = GreenPool()
    return sum(pool.imap(compute, values))


if __name__ == "__main__":
    print(fan_out([1, 2, 3, 4]))
    print(shared([1, 2, 3]))
    print(sum_up(range(5)))
    for index, value in enumerate(GreenPool(2).imap(compute, [4, 3, 2])):
        print(index, value)
    print({k: v for k, v in zip("abc", GreenPool().imap(compute, [1, 2, 3]))})
