# moves: fully
"""Objects whose call waits, handed to what calls them for each item."""
import gevent


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, number):
        gevent.sleep(0.001)
        return number * self.factor


def main():
    scale = Scale(-2)
    print(list(map(scale, [1, 2])), sorted([1, 2], key=scale))
    print(max([1, 3], key=Scale(1)), list(filter(scale, [0, 1])))


if __name__ == "__main__":
    main()
