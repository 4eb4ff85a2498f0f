# moves: fully
import gevent
from gevent.pool import Pool

log = []


def square(n):
    gevent.sleep(0.01)
    return n * n


def pure(n):
    return n + 100


def main():
    pool = Pool(2)
    r = pool.map_async(square, [1, 2, 3])
    print(r.get())
    pool.apply_async(square, (7,), callback=log.append)
    pool.join()
    gevent.sleep(0)
    print(log)
    print(pool.apply(square, args=(5,)))
    print(pool.map(pure, [1, 2]))
    results = pool.imap_unordered(square, range(4))
    print(sorted(results))
    it = pool.imap(square, [4, 5], maxsize=1)
    print(next(it), next(it), next(it, "over"))
    print(dict(zip("ab", pool.map(square, [8, 9]))))
    total = 0
    for value in pool.imap(square, (n for n in range(3))):
        total += value
    print(total)


if __name__ == "__main__":
    main()
