# moves: no, what goes through it has no form that does
"""A loop over one of several things, and a slice that is assigned the items of an object."""
import gevent


def pages(count):
    for number in range(count):
        gevent.sleep(0.001)
        yield number


def main():
    for number in pages(2) or []:
        print(number)
    numbers = [9]
    numbers[1:] = pages(2)
    numbers += pages(1)
    print(numbers)


if __name__ == "__main__":
    main()
