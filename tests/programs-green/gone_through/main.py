# moves: fully
"""Sets and lists that take the items of what waits for them."""
import gevent

from pages import Shelf, pages


def sets():
    seen = {5}
    seen.update(pages(2))
    print(sorted(seen), sorted(seen.union(Shelf(1))), seen.issuperset(pages(2)))
    print(sorted(seen.difference(Shelf(1))), seen.isdisjoint(Shelf(3)))


def lists():
    found = []
    found.extend(Shelf(2))
    found.extend(pages(1))
    print(found)


def main():
    job = gevent.spawn(sets)
    job.join()
    lists()


if __name__ == "__main__":
    main()
