# moves: fully
"""Classes that an abstract metaclass of the program registers, started by their names."""

import gevent

from stages import create, names


def main():
    print(names())
    stages = [create(name) for name in names()]
    greenlets = [gevent.spawn(stage.main, 3) for stage in stages]
    gevent.joinall(greenlets)
    for stage, greenlet in zip(stages, greenlets):
        print(stage.name, greenlet.value)
    counter = create("count")
    counter.main(2)
    print(counter.seen)


if __name__ == "__main__":
    main()
